#include "runtime/server/watch_reactor.h"

#include <utility>

#include "runtime/server/grpc_status.h"

namespace onetake {

WatchReactor::WatchReactor(EventWatches& watches, Scheduler& loop,
                           grpc::CallbackServerContext* context, absl::StatusOr<WatchQuery> query)
    : loop_(loop), peer_(std::make_shared<GrpcPeer>(context)) {
  if (!query.ok()) {
    End(query.status());
    return;
  }
  loop_.Post([this, &watches, query = *std::move(query)]() mutable {
    watch_ = watches.Begin(std::move(query.filter), query.after_seq, std::move(query.still_allowed),
                           *this);
  });
}

void WatchReactor::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
  }
  // A message that could not be written is followed by OnCancel.
  if (!ok) return;
  loop_.Post([this] {
    if (watch_ != nullptr) watch_->OnWritten();
  });
}

void WatchReactor::OnCancel() {
  loop_.Post([this] {
    if (watch_ != nullptr) watch_->OnClosed();
  });
  End(absl::CancelledError("the watcher is gone"));
}

// The loop's tasks that name this reactor were all posted before this one.
void WatchReactor::OnDone() {
  peer_->Gone();
  std::unique_ptr<WatchReactor> self(this);
  loop_.Post([self = std::move(self)] {
    if (self->watch_ != nullptr) self->watch_->OnClosed();
  });
}

void WatchReactor::Write(const v1::WatchEventsResponse& message) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  message_ = message;
  writing_ = true;
  StartWrite(&message_);
}

// A message may still be on its way: the status follows it. When nobody takes it, the status would
// wait for ever.
void WatchReactor::End(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    if (finished_) return;
    finished_ = true;
    Finish(ToGrpc(status));
    if (!writing_ || !absl::IsResourceExhausted(status)) return;
  }
  peer_->Cut();
}

}  // namespace onetake
