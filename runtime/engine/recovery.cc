#include "runtime/engine/recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"

namespace onetake {
namespace {

// The rows of a page, and the most that one lane keeps of what was read.
constexpr int kPage = 256;
// The most intents of one downstream that wait for a job, and the most that wait for a probe: they
// are live, so each costs memory.
constexpr size_t kParked = 1'000;
// As few wait for a job when those that were left are read: not again for each one that ends.
constexpr size_t kFewParked = kParked - kPage;
constexpr absl::Duration kReadAgain = absl::Seconds(1);

// One that is sent again may be accepted as a job then.
bool MayWaitForJob(const IntentRecord& record, const Tool& tool) {
  return !record.job.empty() || tool.job.has_value();
}

}  // namespace

Recovery::Recovery(EngineContext& context, Admission& admission)
    : context_(context), admission_(admission) {}

void Recovery::Start() {
  active_ = true;
  Step();
}

void Recovery::Stop() {
  active_ = false;
  lanes_.clear();
}

// What was passed over is read again, by all lanes: with its tool, an intent may have changed its
// downstream.
void Recovery::OnTools() {
  std::optional<int64_t> from;
  for (const std::shared_ptr<const Tool>& tool : context_.tools->tools()) {
    if (missing_.erase(tool->name) == 0) continue;
    LaneOf(*tool);
    from = 0;
  }
  for (const auto& [downstream, lane] : lanes_) {
    if (lane.behind) from = std::min(from.value_or(lane.read_to), lane.read_to);
  }
  if (!from.has_value()) return;
  for (auto& [downstream, lane] : lanes_) {
    lane.read_to = std::min(lane.read_to, *from);
    lane.reading = false;
    lane.behind = true;
  }
  Step();
}

void Recovery::Step() {
  if (!active_) return;
  for (auto& [downstream, lane] : lanes_) Pump(lane);
  if (Read()) StepSoon();
}

// Goes on with one page, and one intent's end, at a time: whatever else needs the loop runs between
// them.
void Recovery::StepSoon() {
  if (std::exchange(steps_soon_, true)) return;
  context_.scheduler.Post([this] {
    steps_soon_ = false;
    Step();
  });
}

// Comes back by itself: nobody else would for what is left.
void Recovery::StepLater() {
  if (std::exchange(steps_later_, true)) return;
  context_.scheduler.RunAfter(kReadAgain, [this] {
    steps_later_ = false;
    Step();
  });
}

bool Recovery::Read() {
  if (round_over_ && !BeginRound()) return false;
  absl::StatusOr<std::vector<IntentRecord>> page = context_.ledger.Unsettled(last_row_, kPage);
  if (!page.ok()) {
    Log(LogLevel::kError, "recovery.unreadable",
        {{LogField::kError, std::string(page.status().message())}});
    StepLater();
    return false;
  }
  round_over_ = page->size() < static_cast<size_t>(kPage);
  for (IntentRecord& record : *page) {
    last_row_ = record.row;
    Keep(std::move(record));
  }
  const bool wanted = first_round_ || std::any_of(lanes_.begin(), lanes_.end(),
                                                  [](const auto& it) { return it.second.reading; });
  round_over_ = round_over_ || !wanted;
  if (round_over_) first_round_ = false;
  return true;
}

bool Recovery::BeginRound() {
  std::optional<int64_t> from;
  for (auto& [downstream, lane] : lanes_) {
    if (lane.left_job.has_value() && lane.jobs.size() < kFewParked) {
      lane.read_to = std::min(lane.read_to, *lane.left_job - 1);
      lane.left_job.reset();
      lane.behind = true;
    }
    lane.reading = lane.behind && lane.waiting.empty();
    if (!lane.reading) continue;
    lane.behind = false;
    from = std::min(from.value_or(lane.read_to), lane.read_to);
  }
  if (!from.has_value()) return false;
  last_row_ = *from;
  round_over_ = false;
  return true;
}

void Recovery::Keep(IntentRecord record) {
  const bool is_new = record.row > seen_to_;
  seen_to_ = std::max(seen_to_, record.row);
  KnownTool known = context_.ToolOf(record);
  if (known.tool == nullptr) {
    // The intent stays UNKNOWN: a manifest that is missing today may be back tomorrow.
    missing_.insert(record.tool);
    if (!is_new) return;
    Log(LogLevel::kWarning, "recovery.tool_missing",
        {{LogField::kTool, record.tool}, {LogField::kIntent, record.intent_id}});
    return;
  }
  Lane& lane = LaneOf(*known.tool);
  if (!lane.reading || record.row <= lane.read_to) return;
  if (lane.waiting.size() >= static_cast<size_t>(kPage)) {
    lane.reading = false;
    lane.behind = true;
    return;
  }
  lane.read_to = record.row;
  if (MayWaitForJob(record, *known.tool) && !HasRoomForJob(lane)) {
    // The rows behind it, which may have nothing to wait for, are read on.
    lane.left_job = std::min(lane.left_job.value_or(record.row), record.row);
    return;
  }
  lane.waiting.push_back({std::move(record), std::move(known)});
}

bool Recovery::HasRoomForJob(const Lane& lane) {
  const auto read = std::count_if(
      lane.waiting.begin(), lane.waiting.end(),
      [](const Waiting& waiting) { return MayWaitForJob(waiting.record, *waiting.known.tool); });
  return lane.jobs.size() + static_cast<size_t>(read) < kParked;
}

// A lane that is found after the first round has everything before it still to read.
Recovery::Lane& Recovery::LaneOf(const Tool& tool) {
  const auto [it, is_new] = lanes_.try_emplace(DownstreamOf(tool));
  if (is_new) {
    it->second.reading = first_round_;
    it->second.behind = !first_round_;
  }
  return it->second;
}

// Takes what is due and what is new by turns, so that neither waits for the end of the other.
void Recovery::Pump(Lane& lane) {
  while (active_ && lane.running < context_.options.recovery_parallel) {
    const bool may_begin = !lane.waiting.empty() && lane.parked - lane.jobs.size() < kParked;
    if (!may_begin && lane.woken.empty()) return;
    const bool begins = may_begin && (lane.woke_last || lane.woken.empty());
    lane.woke_last = !begins;
    begins ? Begin(lane) : Wake(lane);
  }
}

void Recovery::Begin(Lane& lane) {
  Waiting next = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  FailPoint("recovery.before_resume");
  // A call may have taken it up since the page was read: Recover() notices. What has been settled
  // since is forgotten.
  ++lane.running;
  if (!admission_.Recover(std::move(next.record), std::move(next.known))) --lane.running;
}

void Recovery::Wake(Lane& lane) {
  Woken next = std::move(lane.woken.front());
  lane.woken.pop_front();
  if (next.live->ended) return;
  next.live->parked = false;
  NoLongerParked(lane, *next.live);
  ++lane.running;
  next.then();
}

void Recovery::Park(LiveIntent& live) {
  if (!live.recovered || !active_ || std::exchange(live.parked, true)) return;
  Lane& lane = LaneOf(*live.tool);
  --lane.running;
  ++lane.parked;
  if (!live.record.job.empty()) lane.jobs.insert(live.record.row);
  StepSoon();
}

void Recovery::NoLongerParked(Lane& lane, const LiveIntent& live) {
  --lane.parked;
  lane.jobs.erase(live.record.row);
}

void Recovery::Unpark(const LiveIntentPtr& live, Task then) {
  if (!live->parked || !active_) return then();
  LaneOf(*live->tool).woken.push_back({live, std::move(then)});
  StepSoon();
}

void Recovery::Forget(int64_t row) {
  for (auto& [downstream, lane] : lanes_) {
    const size_t forgotten = std::erase_if(
        lane.waiting, [row](const Waiting& waiting) { return waiting.record.row == row; });
    if (forgotten > 0) StepSoon();
  }
}

void Recovery::OnGone(const LiveIntent& live) {
  Forget(live.record.row);
  if (!live.recovered || !active_) return;
  Lane& lane = LaneOf(*live.tool);
  if (live.parked) {
    NoLongerParked(lane, live);
  } else {
    --lane.running;
  }
  StepSoon();
}

}  // namespace onetake
