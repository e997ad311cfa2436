#include "runtime/server/latency_keeper.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/catalog/latency_rules.h"

namespace onetake {
namespace {

absl::Duration FigureOf(const LatencyHistogram& histogram, double share) {
  const std::optional<LatencyHistogram::Figure> figure = histogram.Percentile(share);
  return figure.has_value() ? figure->value : absl::ZeroDuration();
}

LatencyRecord ToRecord(const LatencyBook::Row& row, absl::Time now) {
  return {.tool = row.subject.tool,
          .downstream = row.subject.downstream,
          .version = row.subject.version,
          .histogram = row.histogram.Serialize(),
          .samples = row.histogram.count(),
          .censored = row.histogram.censored(),
          .p50 = FigureOf(row.histogram, 0.5),
          .p95 = FigureOf(row.histogram, 0.95),
          .p99 = FigureOf(row.histogram, 0.99),
          .p999 = FigureOf(row.histogram, 0.999),
          .updated_at = now};
}

}  // namespace

LatencyKeeper::LatencyKeeper(LatencyBook& book, std::shared_ptr<const ToolSet> tools,
                             LatencyStore& store, const Clock& clock, Scheduler& loop)
    : book_(book), tools_(std::move(tools)), store_(store), clock_(clock), loop_(loop) {}

void LatencyKeeper::Restore() {
  const absl::StatusOr<std::vector<LatencyRecord>> records = store_.LoadLatencies();
  if (!records.ok()) {
    return Log(LogLevel::kWarning, "latency.not_restored",
               {{LogField::kError, std::string(records.status().message())}});
  }
  for (const LatencyRecord& record : *records) {
    const absl::StatusOr<LatencyHistogram> histogram = LatencyHistogram::Parse(record.histogram);
    if (histogram.ok()) {
      book_.Restore({{record.tool, record.downstream, record.version}, *histogram});
      continue;
    }
    Log(LogLevel::kWarning, "latency.row_dropped",
        {{LogField::kTool, record.tool},
         {LogField::kError, std::string(histogram.status().message())}});
  }
}

void LatencyKeeper::SetTools(std::shared_ptr<const ToolSet> tools) {
  tools_ = std::move(tools);
  Warn();
}

void LatencyKeeper::Start() {
  Warn();
  Save();
  loop_.RunAfter(kInterval, [this] { Start(); });
}

void LatencyKeeper::Save() {
  std::vector<LatencyRecord> records;
  std::vector<LatencySubject> subjects;
  for (const LatencyBook::Row& row : book_.TakeChanged()) {
    records.push_back(ToRecord(row, clock_.Now()));
    subjects.push_back(row.subject);
  }
  if (records.empty()) return;
  store_.SaveLatencies(std::move(records), [this, subjects](const absl::Status& status) {
    if (status.ok()) return;
    Log(LogLevel::kWarning, "latency.not_saved",
        {{LogField::kError, std::string(status.message())}});
    loop_.Post([this, subjects] {
      for (const LatencySubject& subject : subjects) book_.GiveBack(subject);
    });
  });
}

std::vector<MeasuredTool> LatencyKeeper::Report() const {
  std::vector<MeasuredTool> report;
  for (const std::shared_ptr<const Tool>& tool : tools_->tools()) {
    const LatencyHistogram* found = book_.Find(LatencySubjectOf(*tool));
    report.push_back({tool, found == nullptr ? LatencyHistogram() : *found});
  }
  return report;
}

void LatencyKeeper::Warn() {
  for (const std::shared_ptr<const Tool>& tool : tools_->tools()) {
    const LatencyHistogram* measured = book_.Find(LatencySubjectOf(*tool));
    for (const LatencyAdvice& advice : JudgeTimes(JudgedTimesOf(*tool), measured)) {
      if (advice.weight != LatencyAdvice::Weight::kWarning) continue;
      if (!warned_.insert(absl::StrCat(tool->name, " ", tool->version, " ", advice.field)).second) {
        continue;
      }
      Log(LogLevel::kWarning, "latency.timeout_too_short",
          {{LogField::kTool, tool->name},
           {LogField::kError, advice.finding},
           {LogField::kAdvice, advice.remedy}});
    }
  }
}

}  // namespace onetake
