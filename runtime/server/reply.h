#pragma once

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "runtime/base/status.h"
#include "runtime/server/call_limits.h"
#include "runtime/server/unary_reactor.h"

namespace onetake {

// The one answer of a unary RPC. Its holder may answer from any thread; the request and the
// response live until then. If it is dropped without an answer (a task that the stopped loop never
// ran), it answers UNKNOWN, because gRPC waits for every RPC before it shuts down.
class Reply {
 public:
  explicit Reply(UnaryReactor* reactor) : reactor_(reactor) {}
  Reply(Reply&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {
    if (other.place_.has_value()) place_.emplace(*std::move(other.place_));
    other.place_.reset();
  }
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

  // Holds a place, which is given back when the RPC is answered.
  void Hold(CallLimits::Place place) { place_.emplace(std::move(place)); }

  void Finish(const absl::Status& status) {
    place_.reset();
    std::exchange(reactor_, nullptr)->Answer(status);
  }

 private:
  UnaryReactor* reactor_;
  std::optional<CallLimits::Place> place_;
};

}  // namespace onetake
