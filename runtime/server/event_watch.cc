#include "runtime/server/event_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/status.h"
#include "runtime/server/convert.h"
#include "runtime/server/ledger_request.h"

namespace onetake {

EventWatch::EventWatch(EventWatches& watches, EventFilter filter, StillAllowed still_allowed,
                       Writer& writer, StreamLimits::Place place)
    : watches_(watches),
      filter_(std::move(filter)),
      still_allowed_(std::move(still_allowed)),
      writer_(&writer),
      place_(std::move(place)) {}

void EventWatch::Begin(std::optional<int64_t> after_seq) {
  if (!after_seq.has_value()) return FindEnd();
  BeginAfter(*after_seq);
}

void EventWatch::BeginAfter(int64_t seq) {
  position_ = seq;
  sent_ = seq;
  Look();
}

void EventWatch::FindEnd() {
  looking_ = true;
  auto found = [self = shared_from_this()](const absl::StatusOr<int64_t>& last) {
    self->looking_ = false;
    if (self->writer_ == nullptr) return;
    if (absl::IsResourceExhausted(last.status())) return self->FindEndLater();
    if (!last.ok()) return self->End(last.status());
    self->BeginAfter(*last);
  };
  watches_.queries_.LastSeq(OnLoop(watches_.loop_, std::move(found)));
}

void EventWatch::FindEndLater() {
  resting_ = true;
  watches_.loop_.RunAfter(watches_.options_.retry, [self = weak_from_this()] {
    const std::shared_ptr<EventWatch> watch = self.lock();
    if (watch == nullptr || watch->writer_ == nullptr) return;
    watch->resting_ = false;
    watch->FindEnd();
  });
}

void EventWatch::Wake() {
  fresh_ = true;
  Look();
}

void EventWatch::Look() {
  if (writer_ == nullptr || looking_ || writing_ || resting_) return;
  looking_ = true;
  fresh_ = false;
  auto read = [self = shared_from_this()](absl::StatusOr<EventPage> page) {
    self->OnPage(std::move(page));
  };
  watches_.queries_.ListEvents(filter_, {.seq = position_}, watches_.options_.page,
                               OnLoop(watches_.loop_, std::move(read)));
}

void EventWatch::OnPage(absl::StatusOr<EventPage> page) {
  looking_ = false;
  if (writer_ == nullptr) return;
  if (absl::IsResourceExhausted(page.status())) {
    fresh_ = true;
    return Again(watches_.options_.retry);
  }
  if (!page.ok()) return End(page.status());
  CheckWatcher();
  if (writer_ == nullptr) return;
  if (!begun_ && page->seen_seq < position_) {
    writer_->End(BeyondTheEnd(page->seen_seq));
    return OnClosed();
  }
  const bool full = page->events.size() == static_cast<size_t>(watches_.options_.page);
  if (page->more) fresh_ = true;
  position_ = std::max(position_, page->seen_seq);
  // Where little fits, how far it has looked is told too, or each stream would look there again.
  if (!page->events.empty() || page->more || !begun_) {
    begun_ = true;
    Send(*page);
  }
  if (!full) Rest();
}

void EventWatch::Send(const EventPage& page) {
  v1::WatchEventsResponse message;
  for (const EventRecord& event : page.events) {
    Fill(event, Values::kHidden, *message.add_events());
  }
  message.set_seen_seq(position_);
  writing_ = true;
  write_timer_ =
      watches_.loop_.RunAfter(watches_.options_.write_patience, [self = weak_from_this()] {
        const std::shared_ptr<EventWatch> watch = self.lock();
        if (watch == nullptr || watch->writer_ == nullptr) return;
        ++watch->watches_.slow_;
        watch->End(WithDetail(absl::ResourceExhaustedError("the messages are not taken"),
                              {.reason = "SLOW_WATCHER", .safe_to_resend = true}));
      });
  writer_->Write(message);
}

void EventWatch::OnWritten() {
  writing_ = false;
  sent_ = position_;
  watches_.loop_.Cancel(write_timer_);
  if (fresh_) Look();
}

// Bounds how often a ledger that is written to all the time is looked into.
void EventWatch::Rest() { Again(watches_.options_.pause); }

void EventWatch::Again(absl::Duration delay) {
  resting_ = true;
  watches_.loop_.RunAfter(delay, [self = weak_from_this()] {
    const std::shared_ptr<EventWatch> watch = self.lock();
    if (watch == nullptr) return;
    watch->resting_ = false;
    if (watch->fresh_) watch->Look();
  });
}

void EventWatch::CheckWatcher() {
  if (writer_ == nullptr || still_allowed_ == nullptr) return;
  if (const absl::Status status = still_allowed_(); !status.ok()) End(status);
}

void EventWatch::OnClosed() {
  writer_ = nullptr;
  place_.Release();
  watches_.loop_.Cancel(write_timer_);
}

void EventWatch::End(const absl::Status& why) {
  if (writer_ == nullptr) return;
  const std::optional<ErrorDetail> detail = GetDetail(why);
  const std::string place =
      sent_.has_value() ? absl::StrCat("; go on with after_seq ", *sent_) : "";
  absl::Status status(why.code(), absl::StrCat(why.message(), place));
  writer_->End(detail.has_value() ? WithDetail(std::move(status), *detail) : status);
  OnClosed();
}

EventWatches::EventWatches(Options options, StreamLimits& limits, LedgerQueries& queries,
                           Scheduler& loop)
    : options_(options), limits_(limits), queries_(queries), loop_(loop) {
  queries_.SetCommitListener([this] { OnCommit(); });
}

EventWatches::~EventWatches() { queries_.SetCommitListener(nullptr); }

std::shared_ptr<EventWatch> EventWatches::Begin(EventFilter filter,
                                                std::optional<int64_t> after_seq,
                                                EventWatch::StillAllowed still_allowed,
                                                EventWatch::Writer& writer) {
  watches_.erase(
      std::remove_if(watches_.begin(), watches_.end(),
                     [](const std::weak_ptr<EventWatch>& watch) { return watch.expired(); }),
      watches_.end());
  absl::StatusOr<StreamLimits::Place> place =
      limits_.Enter(StreamLimits::Kind::kWatcher, filter.tenant);
  if (!place.ok()) {
    writer.End(place.status());
    return nullptr;
  }
  auto watch = std::make_shared<EventWatch>(*this, std::move(filter), std::move(still_allowed),
                                            writer, *std::move(place));
  watches_.push_back(watch);
  watch->Begin(after_seq);
  return watch;
}

void EventWatches::CheckWatchers() {
  for (const std::weak_ptr<EventWatch>& weak : std::vector(watches_)) {
    if (const std::shared_ptr<EventWatch> watch = weak.lock()) watch->CheckWatcher();
  }
}

void EventWatches::EndAll() {
  for (const std::weak_ptr<EventWatch>& weak : std::exchange(watches_, {})) {
    const std::shared_ptr<EventWatch> watch = weak.lock();
    if (watch == nullptr) continue;
    watch->End(WithDetail(absl::UnavailableError("the server stops"),
                          {.reason = "DRAINING", .safe_to_resend = true, .retry_after_ms = 1000}));
  }
}

// One wake is enough, however many commits come before the loop gets to it.
void EventWatches::OnCommit() {
  if (woken_.exchange(true)) return;
  loop_.Post([this] { WakeAll(); });
}

void EventWatches::WakeAll() {
  woken_ = false;
  for (const std::weak_ptr<EventWatch>& weak : watches_) {
    if (const std::shared_ptr<EventWatch> watch = weak.lock()) watch->Wake();
  }
}

}  // namespace onetake
