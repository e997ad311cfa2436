#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "onetake/v1/ledger.pb.h"
#include "runtime/base/clock.h"
#include "runtime/server/event_watch.h"
#include "runtime/server/grpc_peer.h"
#include "runtime/server/ledger_request.h"
#include "runtime/server/unread_answers.h"

namespace onetake {

// The gRPC side of one WatchEvents stream. Owns itself until gRPC and the loop are done with it.
class WatchReactor final : public grpc::ServerWriteReactor<v1::WatchEventsResponse>,
                           public EventWatch::Writer {
 public:
  // Finishes at once when the question is wrong.
  WatchReactor(EventWatches& watches, Scheduler& loop, grpc::CallbackServerContext* context,
               UnreadAnswers& unread, absl::StatusOr<WatchQuery> query);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Called by the loop.
  void Write(const v1::WatchEventsResponse& message) override;
  void End(absl::Status status) override;

 private:
  Scheduler& loop_;
  std::shared_ptr<EventWatch> watch_;  // set and used in the loop
  v1::WatchEventsResponse message_;    // owned by gRPC from StartWrite to OnWriteDone

  grpc::CallbackServerContext& context_;  // until the end
  UnreadAnswers& unread_;
  const std::shared_ptr<GrpcPeer> peer_;
  const std::string tenant_;

  absl::Mutex mutex_;
  std::optional<UnreadAnswers::Hold> unread_message_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace onetake
