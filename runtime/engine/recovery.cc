#include "runtime/engine/recovery.h"

#include <utility>

#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"

namespace onetake {
namespace {

constexpr int kPage = 256;

}  // namespace

Recovery::Recovery(EngineContext& context, Admission& admission)
    : context_(context), admission_(admission) {}

void Recovery::Start() {
  active_ = true;
  Fill();
}

void Recovery::Stop() {
  active_ = false;
  lanes_.clear();
}

void Recovery::Fill() {
  while (active_ && !exhausted_ && waiting_ < kPage) {
    absl::StatusOr<std::vector<IntentRecord>> page = context_.ledger.Unsettled(last_row_, kPage);
    if (!page.ok()) {
      Log(LogLevel::kError, "recovery.unreadable",
          {{LogField::kError, std::string(page.status().message())}});
      return;
    }
    exhausted_ = page->size() < static_cast<size_t>(kPage);
    for (IntentRecord& record : *page) {
      last_row_ = record.row;
      const std::shared_ptr<const Tool> tool = context_.tools->Find(record.tool);
      if (tool == nullptr || context_.ExecutorOf(*tool) == nullptr) {
        // It stays UNKNOWN: a manifest that is missing today may be back tomorrow.
        Log(LogLevel::kWarning, "recovery.tool_missing",
            {{LogField::kTool, record.tool}, {LogField::kIntent, record.intent_id}});
        continue;
      }
      lanes_[DownstreamOf(*tool)].waiting.push_back(std::move(record));
      ++waiting_;
    }
    std::vector<std::string> names;
    for (const auto& [name, lane] : lanes_) names.push_back(name);
    for (const std::string& name : names) Pump(name);
  }
}

void Recovery::Pump(const std::string& downstream) {
  Lane& lane = lanes_[downstream];
  while (active_ && lane.running < context_.options.recovery_parallel && !lane.waiting.empty()) {
    IntentRecord record = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    --waiting_;
    FailPoint("recovery.before_resume");
    const std::shared_ptr<const Tool> tool = context_.tools->Find(record.tool);
    if (tool == nullptr) continue;
    // A call may have taken it up, and even settled it, since the page was read: Recover() or its
    // first transition notices.
    ++lane.running;
    if (!admission_.Recover(std::move(record), tool)) --lane.running;
  }
}

void Recovery::OnGone(const LiveIntent& live) {
  if (!live.recovered || !active_) return;
  const std::string downstream = DownstreamOf(*live.tool);
  --lanes_[downstream].running;
  Pump(downstream);
  Fill();
}

}  // namespace onetake
