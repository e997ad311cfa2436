// The part of SessionStream that brings a resumed conversation up to date.
#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/on_loop.h"
#include "runtime/server/session_hub.h"
#include "runtime/server/session_stream.h"

namespace onetake {
namespace {

constexpr int kPage = 200;

// Whether a conversation wants to hear of the event.
bool TellsAnOutcome(const EventRecord& event) {
  constexpr std::array<absl::string_view, 4> kKinds = {"settled", "review", "resolved", "conflict"};
  return std::find(kKinds.begin(), kKinds.end(), event.kind) != kKinds.end();
}

}  // namespace

void SessionStream::FindPosition(std::optional<int64_t> after_seq) {
  // The position is the last event of all sessions: a stream that begins now begins behind it.
  auto found = [self = shared_from_this(), after_seq](const absl::StatusOr<int64_t>& last) {
    if (self->writer_ == nullptr) return;
    if (!last.ok()) return self->End(last.status());
    self->Begin(std::min(after_seq.value_or(*last), *last));
  };
  hub_.queries().LastSeq(OnLoop(hub_.loop(), std::move(found)));
}

void SessionStream::Begin(int64_t position) {
  position_ = position;
  begun_ = true;
  v1::SessionEvent event;
  event.set_seq(position_);
  event.mutable_opened();
  Send(std::move(event));
  CatchUp(position_);
  for (const std::optional<v1::SessionRequest>& request : early_) {
    request.has_value() ? OnRequest(*request) : OnMalformed();
  }
  // The requests are cleared only now: until then, a peer that asks for nothing more still waits
  // for answers.
  early_.clear();
}

void SessionStream::CatchUp(int64_t after_seq) {
  auto read = [self = shared_from_this()](absl::StatusOr<EventPage> page) {
    self->OnPage(std::move(page));
  };
  hub_.queries().ListEvents({.tenant = tenant(), .session_id = session_id_}, {.seq = after_seq},
                            kPage, OnLoop(hub_.loop(), std::move(read)));
}

void SessionStream::OnPage(absl::StatusOr<EventPage> page) {
  if (writer_ == nullptr) return;
  if (!page.ok()) return End(page.status());
  more_history_ = page->more;
  for (EventRecord& event : page->events) history_.push_back(std::move(event));
  TellNext();
}

// Tells the events one after the other, each with the answer that a call would get now.
void SessionStream::TellNext() {
  while (!history_.empty() && !TellsAnOutcome(history_.front())) {
    position_ = history_.front().seq;
    history_.pop_front();
  }
  if (history_.empty()) return more_history_ ? CatchUp(position_) : GoLive();
  const EventRecord event = std::move(history_.front());
  history_.pop_front();
  hub_.engine().Await(tenant(), event.intent_id, event.generation, absl::ZeroDuration(),
                      [self = shared_from_this(), event](const absl::StatusOr<Answer>& answer) {
                        if (self->writer_ == nullptr) return;
                        if (!answer.ok()) return self->End(answer.status());
                        self->SendSettled(event.seq, event.tool, event.intent_id, *answer);
                        self->position_ = event.seq;
                        self->hub_.loop().Post([self] {
                          if (self->writer_ != nullptr) self->TellNext();
                        });
                      });
}

void SessionStream::GoLive() {
  live_ = true;
  for (Settled& settled : std::exchange(meanwhile_, {})) {
    SendSettled(settled.seq, settled.tool, settled.intent_id, settled.answer);
  }
  for (v1::SessionEvent& result : std::exchange(results_meanwhile_, {})) Send(std::move(result));
  EndIfDone();
}

}  // namespace onetake
