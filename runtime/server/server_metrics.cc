#include "runtime/server/server_metrics.h"

#include <prometheus/metric_family.h>
#include <sys/statvfs.h>

#include <array>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/log.h"
#include "runtime/catalog/latency_rules.h"
#include "runtime/latency/advice.h"

namespace onetake {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// The longest wait for the figures: a question of the ledger may take 2 s.
constexpr absl::Duration kLongest = absl::Seconds(3);

// One family that is filled value by value.
class Figures {
 public:
  Figures(MetricType type, const char* name, const char* help) : family_{name, help, type, {}} {}

  Figures& Add(double value, std::vector<prometheus::ClientMetric::Label> labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    metric.counter.value = value;
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  MetricFamily Take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

MetricFamily Gauge(const char* name, const char* help, double value) {
  return Figures(MetricType::Gauge, name, help).Add(value).Take();
}
MetricFamily Counter(const char* name, const char* help, int64_t value) {
  return Figures(MetricType::Counter, name, help).Add(static_cast<double>(value)).Take();
}

MetricFamily Histogram(const char* name, const char* help,
                       const AtomicHistogram::Snapshot& counted) {
  MetricFamily family{name, help, MetricType::Histogram, std::vector<prometheus::ClientMetric>(1)};
  prometheus::ClientMetric::Histogram& histogram = family.metric[0].histogram;
  uint64_t below = 0;
  for (size_t i = 0; i < counted.counts.size(); ++i) {
    below += counted.counts[i];
    const bool last = i == counted.bounds.size();
    histogram.bucket.push_back(
        {below, last ? std::numeric_limits<double>::infinity() : counted.bounds[i]});
  }
  histogram.sample_count = below;
  histogram.sample_sum = counted.sum;
  return family;
}

// Waits for what is asked of another thread; nullopt when that does not answer in time. The answer
// is shared with the asked thread, because it may come after we have given up.
template <typename T>
std::optional<T> Wait(absl::FunctionRef<void(absl::AnyInvocable<void(T)>)> ask) {
  struct Answer {
    std::optional<T> value;
    absl::Notification there;
  };
  auto answer = std::make_shared<Answer>();
  ask([answer](T value) {
    answer->value.emplace(std::move(value));
    answer->there.Notify();
  });
  if (!answer->there.WaitForNotificationWithTimeout(kLongest)) return std::nullopt;
  return std::move(answer->value);
}

class LedgerCollector final : public prometheus::Collectable {
 public:
  LedgerCollector(SqliteLedger& ledger, std::string path, const Clock& clock)
      : ledger_(ledger), path_(std::move(path)), clock_(clock) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families;
    Writer(families);
    Disk(families);
    Reviews(families);
    Unsettled(families);
    return families;
  }

 private:
  void Writer(std::vector<MetricFamily>& families) const {
    const SqliteLedger::Stats stats = ledger_.stats();
    const GroupCommit::Stats& writer = stats.writer;
    families.push_back(Counter("onetake_ledger_commits_total",
                               "Transactions of the ledger's writer.", writer.commits));
    families.push_back(Counter("onetake_ledger_syncs_total",
                               "Syncs of the disk by commits and checkpoints.", stats.syncs));
    families.push_back(
        Counter("onetake_ledger_jobs_total", "Changes in those transactions.", writer.jobs));
    families.push_back(Counter("onetake_ledger_shed_total",
                               "Changes refused because the queue was full.", writer.shed));
    families.push_back(Counter("onetake_ledger_calls_dropped_total",
                               "Records of calls that were not kept.", stats.calls_dropped));
    families.push_back(Counter("onetake_ledger_checkpoints_total",
                               "Signed checkpoints of the chain.", stats.checkpoints));
    families.push_back(Gauge("onetake_ledger_queue_depth", "Changes that wait for the writer.",
                             static_cast<double>(writer.queued)));
    families.push_back(Gauge("onetake_ledger_disk_full",
                             "1: the last transaction found no space, new writes are refused.",
                             writer.disk_full ? 1 : 0));
    if (const std::optional<Restoration>& restored = ledger_.restoration()) {
      families.push_back(Gauge("onetake_ledger_restored_timestamp_seconds",
                               "When the ledger was last gone on with from an older copy: for 24 h "
                               "from then on new writes are confirmed by the user first.",
                               absl::ToDoubleSeconds(restored->at - absl::UnixEpoch())));
    }
    families.push_back(Histogram("onetake_ledger_commit_seconds",
                                 "From the start of a transaction to its being on disk.",
                                 writer.commit_seconds));
    families.push_back(
        Histogram("onetake_ledger_batch_jobs", "Changes in one transaction.", writer.batch_jobs));
  }

  void Disk(std::vector<MetricFamily>& families) const {
    const std::pair<const char*, std::string> files[] = {
        {"onetake_ledger_bytes", path_}, {"onetake_ledger_wal_bytes", absl::StrCat(path_, "-wal")}};
    for (const auto& [name, file] : files) {
      std::error_code error;
      const uintmax_t bytes = std::filesystem::file_size(file, error);
      if (error) continue;
      families.push_back(Gauge(name, "Size of the ledger's file.", static_cast<double>(bytes)));
    }
    struct statvfs disk {};
    const std::string folder = std::filesystem::path(path_).parent_path();
    if (statvfs(folder.c_str(), &disk) != 0) return;
    families.push_back(
        Gauge("onetake_disk_free_bytes", "Left on the ledger's disk.",
              static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize)));
  }

  void Reviews(std::vector<MetricFamily>& families) const {
    const auto review = Wait<absl::StatusOr<ReviewStats>>(
        [this](auto done) { ledger_.GetReviewStats("", std::move(done)); });
    if (!review.has_value() || !review->ok()) return;
    const std::optional<absl::Time> oldest = (*review)->oldest;
    const absl::Duration age = oldest.has_value() ? clock_.Now() - *oldest : absl::ZeroDuration();
    families.push_back(Gauge("onetake_review_items", "Intents that only a person can settle.",
                             static_cast<double>((*review)->count)));
    families.push_back(Gauge("onetake_review_oldest_age_seconds",
                             "For how long the oldest of them has waited.",
                             absl::ToDoubleSeconds(age)));
  }

  void Unsettled(std::vector<MetricFamily>& families) const {
    const auto found = Wait<absl::StatusOr<std::vector<absl::Time>>>(
        [this](auto done) { ledger_.GetUnsettled(std::move(done)); });
    if (!found.has_value() || !found->ok()) return;
    struct Age {
      const char* name;
      absl::Duration below;
      int64_t count = 0;
    };
    std::array<Age, 5> ages = {{{"10s", absl::Seconds(10)},
                                {"1m", absl::Minutes(1)},
                                {"10m", absl::Minutes(10)},
                                {"1h", absl::Hours(1)},
                                {"more", absl::InfiniteDuration()}}};
    const absl::Time now = clock_.Now();
    for (const absl::Time created : **found) {
      for (Age& age : ages) {
        if (now - created >= age.below) continue;
        ++age.count;
        break;
      }
    }
    Figures unsettled(MetricType::Gauge, "onetake_unsettled_intents",
                      "Writes without an outcome, by how long ago they were claimed: up to ...");
    for (const Age& age : ages) unsettled.Add(static_cast<double>(age.count), {{"age", age.name}});
    families.push_back(unsettled.Take());
  }

  SqliteLedger& ledger_;
  const std::string path_;
  const Clock& clock_;
};

class ReloadCollector final : public prometheus::Collectable {
 public:
  ReloadCollector(const CatalogReloader& catalog, const std::atomic<int64_t>& configs_refused)
      : catalog_(catalog), configs_refused_(configs_refused) {}

  std::vector<MetricFamily> Collect() const override {
    const CatalogReloader::Stats stats = catalog_.stats();
    Figures reloads(MetricType::Counter, "onetake_catalog_reloads_total",
                    "Reloads of the manifests.");
    reloads.Add(static_cast<double>(stats.reloaded), {{"result", "changed"}})
        .Add(static_cast<double>(stats.unchanged), {{"result", "unchanged"}})
        .Add(static_cast<double>(stats.refused), {{"result", "refused"}});
    return {Gauge("onetake_catalog_tools", "Tools that can be called.",
                  static_cast<double>(stats.tools)),
            Gauge("onetake_catalog_loaded_timestamp_seconds",
                  "When the manifests were last read without an error.",
                  absl::ToDoubleSeconds(stats.loaded_at - absl::UnixEpoch())),
            Counter("onetake_config_reloads_refused_total",
                    "Reloads that changed nothing, by an error in onetake.yaml or a master key.",
                    configs_refused_),
            reloads.Take()};
  }

 private:
  const CatalogReloader& catalog_;
  const std::atomic<int64_t>& configs_refused_;
};

class EdgeCollector final : public prometheus::Collectable {
 public:
  EdgeCollector(const Acceptor& acceptor, const Refusals& refusals, const CallLimits& limits,
                const StreamLimits& streams, const UnreadAnswers& unread)
      : acceptor_(acceptor),
        refusals_(refusals),
        limits_(limits),
        streams_(streams),
        unread_(unread) {}

  std::vector<MetricFamily> Collect() const override {
    Figures refused(MetricType::Counter, "onetake_access_refused_total",
                    "Requests that were not let in.");
    for (const auto& [reason, count] : refusals_.counts()) {
      refused.Add(static_cast<double>(count), {{"reason", reason}});
    }
    Figures no_stream(MetricType::Counter, "onetake_streams_refused_total",
                      "Streams beyond `limits`, refused at once.");
    for (const auto& [name, kind] : {std::pair{"session", StreamLimits::Kind::kSession},
                                     {"watcher", StreamLimits::Kind::kWatcher}}) {
      no_stream.Add(static_cast<double>(streams_.refused(kind)), {{"stream", name}});
    }
    const Acceptor::Stats connections = acceptor_.stats();
    return {
        refused.Take(),
        no_stream.Take(),
        Gauge("onetake_connections", "Open connections of clients.",
              static_cast<double>(connections.open)),
        Counter("onetake_connections_refused_total",
                "Connections beyond `limits.connections`, closed at once.", connections.refused),
        Gauge("onetake_watchers", "Open WatchEvents streams.",
              static_cast<double>(streams_.open(StreamLimits::Kind::kWatcher))),
        Counter("onetake_calls_shed_total",
                "Calls beyond `limits`, or while answers are not taken, refused at once.",
                limits_.shed() + unread_.refused()),
        Gauge("onetake_calls_admitted", "Calls that `limits` counts as under way.",
              static_cast<double>(limits_.in_flight())),
        Counter("onetake_log_lines_dropped_total", "Log lines that nobody took.",
                DroppedLogLines())};
  }

 private:
  const Acceptor& acceptor_;
  const Refusals& refusals_;
  const CallLimits& limits_;
  const StreamLimits& streams_;
  const UnreadAnswers& unread_;
};

class LoopCollector final : public prometheus::Collectable {
 public:
  explicit LoopCollector(AskLoop ask) : ask_(std::move(ask)) {}

  std::vector<MetricFamily> Collect() const override {
    const std::optional<LoopFigures> figures =
        Wait<LoopFigures>([this](auto done) { ask_(std::move(done)); });
    if (!figures.has_value()) return {};
    Figures breakers(MetricType::Gauge, "onetake_breaker_state",
                     "Of a downstream's circuit breaker: 0 closed, 1 half-open, 2 open.");
    for (const auto& [downstream, state] : figures->breakers) {
      breakers.Add(state == Breaker::State::kOpen       ? 2
                   : state == Breaker::State::kHalfOpen ? 1
                                                        : 0,
                   {{"downstream", downstream}});
    }
    std::vector<MetricFamily> families = {
        Gauge("onetake_in_flight_calls", "Calls that the engine has not answered yet.",
              static_cast<double>(figures->in_flight)),
        Gauge("onetake_sessions", "Open Session streams.", static_cast<double>(figures->sessions)),
        breakers.Take()};
    if (figures->certificate_expiry.has_value()) {
      families.push_back(
          Gauge("onetake_tls_certificate_expiry_timestamp_seconds",
                "When the server's certificate expires.",
                absl::ToDoubleSeconds(*figures->certificate_expiry - absl::UnixEpoch())));
    }
    Latencies(figures->measured, families);
    return families;
  }

 private:
  static void Latencies(const std::vector<MeasuredTool>& measured,
                        std::vector<MetricFamily>& families) {
    Figures warnings(MetricType::Gauge, "onetake_timeout_warnings",
                     "Times of the manifest that what was measured contradicts.");
    Figures timeouts(MetricType::Gauge, "onetake_attempt_timeout_seconds",
                     "The hard timeout of an attempt that begins now.");
    Figures latencies(MetricType::Gauge, "onetake_downstream_latency_seconds",
                      "Measured, censored samples included.");
    for (const MeasuredTool& one : measured) {
      const prometheus::ClientMetric::Label tool = {"tool", one.tool->name};
      int64_t weighty = 0;
      for (const LatencyAdvice& advice : JudgeTimes(JudgedTimesOf(*one.tool), &one.measured)) {
        if (advice.weight == LatencyAdvice::Weight::kWarning) ++weighty;
      }
      warnings.Add(static_cast<double>(weighty), {tool});
      timeouts.Add(absl::ToDoubleSeconds(AttemptTimeout(AttemptRuleOf(*one.tool), &one.measured)),
                   {tool});
      for (const auto& [name, share] : {std::pair{"0.5", 0.5}, {"0.95", 0.95}, {"0.99", 0.99}}) {
        const auto figure = one.measured.Percentile(share);
        if (figure.has_value()) {
          latencies.Add(absl::ToDoubleSeconds(figure->value), {tool, {"quantile", name}});
        }
      }
    }
    families.push_back(warnings.Take());
    families.push_back(timeouts.Take());
    families.push_back(latencies.Take());
  }

  const AskLoop ask_;
};

}  // namespace

MetricSource LedgerFigures(SqliteLedger& ledger, std::string path, const Clock& clock) {
  return std::make_shared<LedgerCollector>(ledger, std::move(path), clock);
}
MetricSource ReloadFigures(const CatalogReloader& catalog,
                           const std::atomic<int64_t>& configs_refused) {
  return std::make_shared<ReloadCollector>(catalog, configs_refused);
}
MetricSource EdgeFigures(const Acceptor& acceptor, const Refusals& refusals,
                         const CallLimits& limits, const StreamLimits& streams,
                         const UnreadAnswers& unread) {
  return std::make_shared<EdgeCollector>(acceptor, refusals, limits, streams, unread);
}
MetricSource LoopSource(AskLoop ask) { return std::make_shared<LoopCollector>(std::move(ask)); }

}  // namespace onetake
