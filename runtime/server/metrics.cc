#include "runtime/server/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace onetake {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// A question of the ledger may take 2 s.
constexpr absl::Duration kLongest = absl::Seconds(3);

MetricFamily Single(MetricType type, const char* name, const char* help, double value) {
  MetricFamily family{name, help, type, std::vector<prometheus::ClientMetric>(1)};
  family.metric[0].gauge.value = value;
  family.metric[0].counter.value = value;
  return family;
}

class LedgerMetrics final : public prometheus::Collectable {
 public:
  LedgerMetrics(SqliteLedger& ledger, const Clock& clock) : ledger_(ledger), clock_(clock) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families = Writer();
    const absl::StatusOr<ReviewStats> review = Review();
    if (!review.ok()) return families;
    const absl::Duration age =
        review->oldest.has_value() ? clock_.Now() - *review->oldest : absl::ZeroDuration();
    families.push_back(Single(MetricType::Gauge, "onetake_review_items",
                              "Intents that only a person can settle.",
                              static_cast<double>(review->count)));
    families.push_back(Single(MetricType::Gauge, "onetake_review_oldest_age_seconds",
                              "For how long the oldest of them has waited.",
                              absl::ToDoubleSeconds(age)));
    return families;
  }

 private:
  std::vector<MetricFamily> Writer() const {
    const SqliteLedger::Stats stats = ledger_.stats();
    const auto counter = [](const char* name, const char* help, int64_t value) {
      return Single(MetricType::Counter, name, help, static_cast<double>(value));
    };
    return {
        counter("onetake_ledger_commits_total", "Transactions of the ledger's writer.",
                stats.writer.commits),
        counter("onetake_ledger_jobs_total", "Changes in those transactions.", stats.writer.jobs),
        counter("onetake_ledger_shed_total", "Changes refused because the queue was full.",
                stats.writer.shed),
        counter("onetake_ledger_calls_dropped_total", "Records of calls that were not kept.",
                stats.calls_dropped)};
  }

  absl::StatusOr<ReviewStats> Review() const {
    struct Answer {
      absl::StatusOr<ReviewStats> stats;
      absl::Notification there;
    };
    // Shared, because the answer may come after we have given up.
    auto answer = std::make_shared<Answer>();
    ledger_.GetReviewStats("", [answer](absl::StatusOr<ReviewStats> stats) {
      answer->stats = std::move(stats);
      answer->there.Notify();
    });
    if (answer->there.WaitForNotificationWithTimeout(kLongest)) return answer->stats;
    return absl::DeadlineExceededError("the ledger does not answer");
  }

  SqliteLedger& ledger_;
  const Clock& clock_;
};

class CatalogMetrics final : public prometheus::Collectable {
 public:
  explicit CatalogMetrics(const CatalogReloader& catalog) : catalog_(catalog) {}

  std::vector<MetricFamily> Collect() const override {
    const CatalogReloader::Stats stats = catalog_.stats();
    MetricFamily reloads{
        "onetake_catalog_reloads_total", "Reloads of the manifests.", MetricType::Counter, {}};
    const std::pair<const char*, int64_t> results[] = {
        {"changed", stats.reloaded}, {"unchanged", stats.unchanged}, {"refused", stats.refused}};
    for (const auto& [result, count] : results) {
      prometheus::ClientMetric metric;
      metric.label = {{"result", result}};
      metric.counter.value = static_cast<double>(count);
      reloads.metric.push_back(std::move(metric));
    }
    return {Single(MetricType::Gauge, "onetake_catalog_tools", "Tools that can be called.",
                   static_cast<double>(stats.tools)),
            Single(MetricType::Gauge, "onetake_catalog_loaded_timestamp_seconds",
                   "When the manifests were last read without an error.",
                   absl::ToDoubleSeconds(stats.loaded_at - absl::UnixEpoch())),
            std::move(reloads)};
  }

 private:
  const CatalogReloader& catalog_;
};

}  // namespace

struct MetricsServer::Parts {
  std::shared_ptr<LedgerMetrics> ledger;
  std::shared_ptr<CatalogMetrics> catalog;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsServer::MetricsServer(std::unique_ptr<Parts> parts, std::string address)
    : parts_(std::move(parts)), address_(std::move(address)) {}
MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& address,
                                                                    SqliteLedger& ledger,
                                                                    const CatalogReloader& catalog,
                                                                    const Clock& clock) {
  auto parts = std::make_unique<Parts>();
  parts->ledger = std::make_shared<LedgerMetrics>(ledger, clock);
  parts->catalog = std::make_shared<CatalogMetrics>(catalog);
  try {
    parts->exposer = std::make_unique<prometheus::Exposer>(address);
    parts->exposer->RegisterCollectable(parts->ledger);
    parts->exposer->RegisterCollectable(parts->catalog);
  } catch (const std::exception&) {  // of the library; its text says nothing more
    return absl::UnavailableError(
        absl::StrCat("metrics.listen: ", address, " cannot be bound: is it in use?"));
  }
  const std::vector<int> ports = parts->exposer->GetListeningPorts();
  const std::string host = address.substr(0, address.rfind(':'));
  std::string bound = ports.empty() ? address : absl::StrCat(host, ":", ports.front());
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(parts), std::move(bound)));
}

}  // namespace onetake
