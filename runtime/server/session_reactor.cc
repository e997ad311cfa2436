#include "runtime/server/session_reactor.h"

#include <utility>

#include "runtime/server/byte_buffer.h"
#include "runtime/server/execute_request.h"
#include "runtime/server/grpc_status.h"

namespace onetake {

SessionReactor::SessionReactor(SessionHub& hub, Scheduler& loop,
                               grpc::CallbackServerContext* context, UnreadAnswers& unread,
                               absl::StatusOr<SessionStream::Caller> caller)
    : hub_(hub),
      loop_(loop),
      context_(*context),
      unread_(unread),
      peer_(std::make_shared<GrpcPeer>(context)),
      tenant_(caller.ok() ? caller->principal.tenant : "") {
  if (!caller.ok()) {
    End(caller.status());
    return;
  }
  loop_.Post([this, caller = *std::move(caller)]() mutable {
    stream_ = hub_.Connect(std::move(caller), *this);
  });
  StartRead(&incoming_);
}

void SessionReactor::OnReadDone(bool ok) {
  // The peer has said its last word, or is gone; then OnCancel says so too.
  if (!ok) return loop_.Post([this] { stream_->OnHalfClosed(); });
  auto request = std::make_unique<v1::SessionRequest>();
  if (!ParseSessionRequest(BytesOf(incoming_), *request)) request = nullptr;
  loop_.Post([this, arrived = hub_.options().limits.Arrived(), request = std::move(request)] {
    hub_.options().limits.TakenUp(arrived);
    if (request != nullptr) {
      stream_->OnRequest(*request);
    } else {
      stream_->OnMalformed();
    }
    // Reads on only now: when a peer sends faster than its requests are done, HTTP/2 keeps the rest
    // back.
    absl::MutexLock lock(&mutex_);
    if (!finished_) StartRead(&incoming_);
  });
}

void SessionReactor::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  queued_bytes_ -= queue_.front().size;
  queue_.pop_front();
  if (!ok) broken_ = true;
  Pump();
}

void SessionReactor::OnCancel() {
  loop_.Post([this] {
    if (stream_ != nullptr) stream_->OnClosed();
  });
  absl::MutexLock lock(&mutex_);
  broken_ = true;
  ended_ = true;
  Pump();
}

// The loop's tasks that name this reactor were all posted before this one.
void SessionReactor::OnDone() {
  // Locks only for ThreadSanitizer: gRPC has waited for OnCancel(), which it does not see.
  { const absl::MutexLock lock(&mutex_); }
  peer_->Gone();
  std::unique_ptr<SessionReactor> self(this);
  loop_.Post([self = std::move(self)] {
    if (self->stream_ != nullptr) self->stream_->OnClosed();
  });
}

bool SessionReactor::Send(const v1::SessionEvent& event) {
  grpc::ByteBuffer bytes = BufferOf(event.SerializeAsString());
  const size_t size = bytes.Length();
  UnreadAnswers::Hold unread = unread_.Add(tenant_, size, peer_);
  absl::MutexLock lock(&mutex_);
  if (broken_ || ended_) return true;
  const bool fits = queue_.size() < kMostQueued && queued_bytes_ + size <= kMostQueuedBytes;
  if (!fits && !queue_.empty()) return false;
  queued_bytes_ += size;
  queue_.push_back({std::move(bytes), size, std::move(unread)});
  Pump();
  return true;
}

void SessionReactor::End(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  ended_ = true;
  status_ = ToGrpc(status, context_);
  Pump();
}

void SessionReactor::Pump() {
  if (writing_ || finished_) return;
  if (!queue_.empty() && !broken_) {
    writing_ = true;
    StartWrite(&queue_.front().bytes);
  } else if (ended_) {
    finished_ = true;
    Finish(status_);
  }
}

}  // namespace onetake
