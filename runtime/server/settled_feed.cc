#include "runtime/server/settled_feed.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <utility>

#include "runtime/base/on_loop.h"

namespace onetake {
namespace {

constexpr int kPage = 200;
constexpr size_t kToldByResult = 1024;
constexpr absl::Duration kAskAgain = absl::Milliseconds(250);

// Whether a conversation wants to hear of the event.
bool TellsAnOutcome(const EventRecord& event) {
  constexpr std::array<absl::string_view, 4> kKinds = {"settled", "review", "resolved", "conflict"};
  return std::find(kKinds.begin(), kKinds.end(), event.kind) != kKinds.end();
}

const v1::Intent& IntentOf(const v1::SessionEvent& result) {
  return result.has_settled() ? result.settled().response().intent() : result.result().intent();
}

}  // namespace

void SettledFeed::Begin(std::string tenant, std::string session_id,
                        std::optional<int64_t> after_seq) {
  tenant_ = std::move(tenant);
  session_id_ = std::move(session_id);
  FindPosition(after_seq);
}

// The position is the last event of all sessions: a stream that begins now begins behind it.
void SettledFeed::FindPosition(std::optional<int64_t> after_seq) {
  auto found = [this, after_seq](const absl::StatusOr<int64_t>& last) {
    if (stopped_) return;
    if (absl::IsResourceExhausted(last.status())) {
      return AskAgain([this, after_seq] { FindPosition(after_seq); });
    }
    if (!last.ok()) return listener_.OnFailed(last.status());
    OnPosition(after_seq, *last);
  };
  queries_.LastSeq(OnLoop(loop_, lifetime_.While(std::move(found))));
}

void SettledFeed::OnPosition(std::optional<int64_t> after_seq, int64_t last) {
  position_ = std::min(after_seq.value_or(last), last);
  // The engine tells of whatever settles behind `last`: only what came before it is asked for.
  const bool missed = position_ < last || more_history_;
  if (missed) CatchUp();
  listener_.OnPosition(position_);
  if (!missed) GoLive();
}

// That the ledger has no time now is no reason to end the conversation.
void SettledFeed::AskAgain(Task ask) {
  loop_.RunAfter(kAskAgain, lifetime_.While([this, ask = std::move(ask)]() mutable {
    if (!stopped_) ask();
  }));
}

void SettledFeed::CatchUp() {
  more_history_ = false;
  // The page is read only now, so it has them.
  std::erase_if(outcomes_meanwhile_, [this](const Outcome& kept) { return IsListed(kept); });
  auto read = [this](absl::StatusOr<EventPage> page) { OnPage(std::move(page)); };
  queries_.ListSessionEvents(tenant_, session_id_, position_, kPage,
                             OnLoop(loop_, lifetime_.While(std::move(read))));
}

void SettledFeed::OnPage(absl::StatusOr<EventPage> page) {
  if (stopped_) return;
  if (absl::IsResourceExhausted(page.status())) return AskAgain([this] { CatchUp(); });
  if (!page.ok()) return listener_.OnFailed(page.status());
  more_history_ = more_history_ || page->more;
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
    if (absl::IsResourceExhausted(answer.status())) {
      history_.push_front(event);
      return AskAgain([this] { TellNext(); });
    }
    // What was pruned since the event can be told to nobody any more.
    const bool gone = absl::IsNotFound(answer.status());
    if (!answer.ok() && !gone) return listener_.OnFailed(answer.status());
    if (!gone) TellEvent(event, *answer);
    position_ = event.seq;
    loop_.Post(lifetime_.While([this] { TellNext(); }));
  };
  engine_.Await(tenant_, event.intent_id, event.generation, absl::ZeroDuration(),
                lifetime_.While(std::move(answered)));
}

void SettledFeed::TellEvent(const EventRecord& event, const Answer& answer) {
  TellResults(1, event.seq);
  if (TellResultsAs(event)) return;
  Tell({.seq = event.seq, .tool = event.tool, .intent_id = event.intent_id, .answer = answer});
}

void SettledFeed::TellResults(int64_t first, int64_t last) {
  std::vector<v1::SessionEvent>& waiting = results_meanwhile_;
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const auto& a, const auto& b) { return a.seq() < b.seq(); });
  const auto begin = std::find_if(waiting.begin(), waiting.end(),
                                  [first](const auto& result) { return result.seq() >= first; });
  const auto end = std::find_if(begin, waiting.end(),
                                [last](const auto& result) { return result.seq() > last; });
  std::vector<v1::SessionEvent> due(std::make_move_iterator(begin), std::make_move_iterator(end));
  waiting.erase(begin, end);
  for (v1::SessionEvent& result : due) {
    if (!stopped_) listener_.OnResult(std::move(result));
  }
}

bool SettledFeed::TellResultsAs(const EventRecord& event) {
  std::vector<v1::SessionEvent>& waiting = results_meanwhile_;
  const auto others = [&event](const v1::SessionEvent& result) {
    const v1::Intent& intent = IntentOf(result);
    return result.seq() != 0 || intent.id() != event.intent_id ||
           intent.generation() != event.generation;
  };
  const auto begin = std::stable_partition(waiting.begin(), waiting.end(), others);
  std::vector<v1::SessionEvent> due(std::make_move_iterator(begin),
                                    std::make_move_iterator(waiting.end()));
  waiting.erase(begin, waiting.end());
  for (v1::SessionEvent& result : due) {
    result.set_seq(event.seq);
    if (!stopped_) listener_.OnResult(std::move(result));
  }
  return !due.empty();
}

// What came meanwhile is told by seq: a peer that comes back is not told again what is before the
// last one that it was told.
void SettledFeed::GoLive() {
  live_ = true;
  for (Outcome& outcome : std::exchange(outcomes_meanwhile_, {})) {
    TellResults(0, outcome.seq);
    Tell(std::move(outcome));
  }
  TellResults(0, std::numeric_limits<int64_t>::max());
  if (!stopped_) listener_.OnLive();
}

void SettledFeed::Add(Outcome outcome) {
  if (live_) return Tell(std::move(outcome));
  if (IsListed(outcome) && outcomes_meanwhile_.size() >= kMostKept) {
    more_history_ = true;
  } else {
    outcomes_meanwhile_.push_back(std::move(outcome));
  }
}

void SettledFeed::AddResult(v1::SessionEvent result) {
  if (stopped_) return;
  if (result.seq() != 0) told_by_result_.insert(result.seq());
  if (told_by_result_.size() > kToldByResult) told_by_result_.erase(told_by_result_.begin());
  if (live_) return listener_.OnResult(std::move(result));
  results_meanwhile_.push_back(std::move(result));
}

// What the peer waits for is told wherever the feed has begun: its event may be of another session,
// or have come to the disk at the very beginning.
void SettledFeed::Tell(Outcome outcome) {
  if (stopped_) return;
  if (outcome.seq != 0) {
    if (told_by_result_.erase(outcome.seq) > 0) return;
    if (outcome.seq <= position_ && !listener_.Awaits(outcome.intent_id)) return;
  }
  listener_.OnOutcome(std::move(outcome));
}

}  // namespace onetake
