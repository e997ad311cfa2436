#include "runtime/engine/recovery.h"

#include <utility>

#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"

namespace onetake {
namespace {

constexpr int kPage = 256;
constexpr absl::Duration kReadAgain = absl::Seconds(1);

}  // namespace

Recovery::Recovery(EngineContext& context, Admission& admission)
    : context_(context), admission_(admission) {}

void Recovery::Start() {
  active_ = true;
  Fill();
}

void Recovery::OnTools() {
  for (const std::shared_ptr<const Tool>& tool : context_.tools->tools()) {
    if (context_.ExecutorOf(*tool) != nullptr && missing_.erase(tool->name) > 0) {
      returned_.insert(tool->name);
    }
  }
  Fill();
}

void Recovery::Stop() {
  active_ = false;
  lanes_.clear();
}

void Recovery::Fill() {
  while (active_ && waiting_ < kPage) {
    if (exhausted_) {
      if (returned_.empty()) return;
      only_ = std::exchange(returned_, {});
      last_row_ = 0;
    }
    absl::StatusOr<std::vector<IntentRecord>> page = context_.ledger.Unsettled(last_row_, kPage);
    if (!page.ok()) {
      Log(LogLevel::kError, "recovery.unreadable",
          {{LogField::kError, std::string(page.status().message())}});
      return FillLater();
    }
    exhausted_ = page->size() < static_cast<size_t>(kPage);
    for (IntentRecord& record : *page) {
      last_row_ = record.row;
      if (!only_.empty() && !only_.contains(record.tool)) continue;
      KnownTool known = context_.ToolOf(record);
      if (known.tool == nullptr || context_.ExecutorOf(*known.tool) == nullptr) {
        // It stays UNKNOWN: a manifest that is missing today may be back tomorrow.
        missing_.insert(record.tool);
        Log(LogLevel::kWarning, "recovery.tool_missing",
            {{LogField::kTool, record.tool}, {LogField::kIntent, record.intent_id}});
        continue;
      }
      Lane& lane = lanes_[DownstreamOf(*known.tool)];
      lane.waiting.push_back({std::move(record), std::move(known)});
      ++waiting_;
    }
    std::vector<std::string> names;
    for (const auto& [name, lane] : lanes_) names.push_back(name);
    for (const std::string& name : names) Pump(name);
  }
}

// Nobody else would come back for what is left.
void Recovery::FillLater() {
  if (std::exchange(fills_later_, true)) return;
  context_.scheduler.RunAfter(kReadAgain, [this] {
    fills_later_ = false;
    Fill();
  });
}

void Recovery::Pump(const std::string& downstream) {
  Lane& lane = lanes_[downstream];
  while (active_ && lane.running < context_.options.recovery_parallel && !lane.waiting.empty()) {
    Waiting next = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    --waiting_;
    FailPoint("recovery.before_resume");
    // A call may have taken it up, and even settled it, since the page was read: Recover() or its
    // first transition notices.
    ++lane.running;
    if (!admission_.Recover(std::move(next.record), std::move(next.known))) --lane.running;
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
