#pragma once

#include <grpcpp/grpcpp.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/server/unread_answers.h"

namespace onetake {

// The peer of one RPC. The server of the RPC says that it is gone before gRPC frees the context.
class GrpcPeer final : public UnreadAnswers::Peer {
 public:
  explicit GrpcPeer(grpc::CallbackServerContext* context) : context_(context) {}

  void Cut() override ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }
  void Gone() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
  }

 private:
  absl::Mutex mutex_;
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
