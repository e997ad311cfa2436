#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/clock.h"
#include "runtime/server/grpc_peer.h"
#include "runtime/server/session_hub.h"
#include "runtime/server/session_stream.h"
#include "runtime/server/unread_answers.h"

namespace onetake {

// The gRPC side of one Session stream: reads, queues, writes one event at a time. Takes the
// messages' bytes, so that one that gRPC's parser refuses is an error event and not the end of the
// stream. A peer that takes nothing is cut off by UnreadAnswers. Owns itself until gRPC and the
// loop are done with it.
class SessionReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                             public SessionStream::Writer {
 public:
  // The most events that wait to be written: a stream is judged by its own, not by what others do
  // not read. The bytes are half of what a tenant may have, so one stream that nobody reads stops
  // no call of its tenant.
  static constexpr size_t kMostQueued = 256;
  static constexpr size_t kMostQueuedBytes = 16 * 1024 * 1024;

  // Finishes at once with the status of `caller`, when that may not execute.
  SessionReactor(SessionHub& hub, Scheduler& loop, grpc::CallbackServerContext* context,
                 UnreadAnswers& unread, absl::StatusOr<SessionStream::Caller> caller);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Called by the loop.
  bool Send(const v1::SessionEvent& event) override;
  void End(absl::Status status) override;

 private:
  struct Queued {
    grpc::ByteBuffer bytes;
    size_t size;
    UnreadAnswers::Hold unread;
  };

  // Writes what is next, or finishes.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SessionHub& hub_;
  Scheduler& loop_;
  std::shared_ptr<SessionStream> stream_;  // set and used in the loop; null: caller refused
  grpc::ByteBuffer incoming_;              // owned by gRPC from StartRead to OnReadDone
  grpc::CallbackServerContext& context_;   // until the end
  UnreadAnswers& unread_;
  const std::shared_ptr<GrpcPeer> peer_;
  const std::string tenant_;

  absl::Mutex mutex_;
  // The first message is owned by gRPC from StartWrite to OnWriteDone.
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;     // finish after the queue
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;    // nobody reads any more
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;  // Finish() was called
};

}  // namespace onetake
