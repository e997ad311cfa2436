#include "runtime/server/settled_feed.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "runtime/base/on_loop.h"

namespace onetake {
namespace {

constexpr int kPage = 200;
constexpr size_t kToldByResult = 1024;

// Whether a conversation wants to hear of the event.
bool TellsAnOutcome(const EventRecord& event) {
  constexpr std::array<absl::string_view, 4> kKinds = {"settled", "review", "resolved", "conflict"};
  return std::find(kKinds.begin(), kKinds.end(), event.kind) != kKinds.end();
}

}  // namespace

void SettledFeed::Begin(std::string tenant, std::string session_id,
                        std::optional<int64_t> after_seq) {
  tenant_ = std::move(tenant);
  session_id_ = std::move(session_id);
  // The position is the last event of all sessions: a stream that begins now begins behind it.
  auto found = [this, after_seq](const absl::StatusOr<int64_t>& last) {
    if (stopped_) return;
    if (!last.ok()) return listener_.OnFailed(last.status());
    position_ = std::min(after_seq.value_or(*last), *last);
    CatchUp();
    listener_.OnPosition(position_);
  };
  queries_.LastSeq(OnLoop(loop_, lifetime_.While(std::move(found))));
}

void SettledFeed::CatchUp() {
  auto read = [this](absl::StatusOr<EventPage> page) { OnPage(std::move(page)); };
  queries_.ListEvents({.tenant = tenant_, .session_id = session_id_}, {.seq = position_}, kPage,
                      OnLoop(loop_, lifetime_.While(std::move(read))));
}

void SettledFeed::OnPage(absl::StatusOr<EventPage> page) {
  if (stopped_) return;
  if (!page.ok()) return listener_.OnFailed(page.status());
  more_history_ = page->more;
  for (EventRecord& event : page->events) history_.push_back(std::move(event));
  TellNext();
}

// Tells the events one after the other, each with the answer that a call would get now.
void SettledFeed::TellNext() {
  if (stopped_) return;
  while (!history_.empty() && !TellsAnOutcome(history_.front())) {
    position_ = history_.front().seq;
    history_.pop_front();
  }
  if (history_.empty()) return more_history_ ? CatchUp() : GoLive();
  const EventRecord event = std::move(history_.front());
  history_.pop_front();
  auto answered = [this, event](const absl::StatusOr<Answer>& answer) {
    if (stopped_) return;
    // What was pruned since the event can be told to nobody any more.
    const bool gone = absl::IsNotFound(answer.status());
    if (!answer.ok() && !gone) return listener_.OnFailed(answer.status());
    if (!gone) Tell({event.seq, event.tool, event.intent_id, *answer});
    position_ = event.seq;
    loop_.Post(lifetime_.While([this] { TellNext(); }));
  };
  engine_.Await(tenant_, event.intent_id, event.generation, absl::ZeroDuration(),
                lifetime_.While(std::move(answered)));
}

// What came meanwhile is told by seq: a peer that comes back is not told again what is before the
// last one that it was told.
void SettledFeed::GoLive() {
  live_ = true;
  std::vector<v1::SessionEvent> results = std::exchange(results_meanwhile_, {});
  std::stable_sort(results.begin(), results.end(),
                   [](const auto& a, const auto& b) { return a.seq() < b.seq(); });
  auto next = results.begin();
  const auto tell_before = [&](int64_t seq) {
    for (; next != results.end() && next->seq() < seq; ++next) {
      if (!stopped_) listener_.OnResult(std::move(*next));
    }
  };
  for (Outcome& outcome : std::exchange(outcomes_meanwhile_, {})) {
    tell_before(outcome.seq);
    Tell(std::move(outcome));
  }
  tell_before(std::numeric_limits<int64_t>::max());
  if (!stopped_) listener_.OnLive();
}

void SettledFeed::Add(Outcome outcome) {
  if (live_) return Tell(std::move(outcome));
  outcomes_meanwhile_.push_back(std::move(outcome));
}

void SettledFeed::AddResult(v1::SessionEvent result) {
  if (stopped_) return;
  told_by_result_.insert(result.seq());
  if (told_by_result_.size() > kToldByResult) told_by_result_.erase(told_by_result_.begin());
  if (live_) return listener_.OnResult(std::move(result));
  results_meanwhile_.push_back(std::move(result));
}

void SettledFeed::Tell(Outcome outcome) {
  if (stopped_) return;
  if (outcome.seq != 0 && (outcome.seq <= position_ || told_by_result_.erase(outcome.seq) > 0)) {
    return;
  }
  listener_.OnOutcome(std::move(outcome));
}

}  // namespace onetake
