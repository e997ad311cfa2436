#pragma once

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/status.h"
#include "runtime/base/status.h"
#include "runtime/server/grpc_status.h"

namespace onetake {

// The one answer of a unary RPC. Whoever holds it may answer from any thread; the request and the
// response live until then. Dropped without an answer (a task that the stopped loop never ran), it
// answers UNKNOWN, because gRPC waits for every RPC before it shuts down.
class Reply {
 public:
  explicit Reply(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  Reply(Reply&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  Reply& operator=(Reply&&) = delete;
  ~Reply() {
    if (reactor_ == nullptr) return;
    Finish(WithDetail(
        absl::UnknownError("the server stopped before the outcome was known; send the same call "
                           "again, with the same ids"),
        {.reason = "STOPPED", .safe_to_resend = true}));
  }

  void Finish(const absl::Status& status) {
    std::exchange(reactor_, nullptr)->Finish(ToGrpc(status));
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

}  // namespace onetake
