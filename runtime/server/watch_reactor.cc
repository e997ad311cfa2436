#include "runtime/server/watch_reactor.h"

#include <utility>

#include "runtime/server/grpc_status.h"

namespace onetake {

WatchReactor::WatchReactor(EventWatches& watches, Scheduler& loop,
                           grpc::CallbackServerContext* context, UnreadAnswers& unread,
                           absl::StatusOr<WatchQuery> query)
    : loop_(loop),
      context_(*context),
      unread_(unread),
      peer_(std::make_shared<GrpcPeer>(context)),
      tenant_(query.ok() ? query->filter.tenant : "") {
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
    unread_message_.reset();
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
  UnreadAnswers::Hold unread = unread_.Add(tenant_, message.ByteSizeLong(), peer_);
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  message_ = message;
  unread_message_.emplace(std::move(unread));
  StartWrite(&message_);
}

// A message that nobody takes may still be on its way: the status follows it, or the peer is cut
// off.
void WatchReactor::End(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  finished_ = true;
  Finish(ToGrpc(status, context_));
}

}  // namespace onetake
