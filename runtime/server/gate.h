#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/access/access.h"
#include "runtime/server/reply.h"

namespace onetake {

// Lets RPCs in: takes the credentials from what gRPC knows of a call and asks Access. Thread-safe.
class Gate {
 public:
  // Told the reason of every refusal; thread-safe, must not block. May be empty.
  using OnRefused = std::function<void(const absl::Status&)>;
  Gate(const Access& access, UnreadAnswers& unread, OnRefused on_refused)
      : access_(access), unread_(unread), on_refused_(std::move(on_refused)) {}

  // As Access::Admit(). To be called before anything of the request is looked at.
  absl::StatusOr<Principal> Admit(const grpc::CallbackServerContext& context,
                                  absl::string_view full_method) const;
  // As Access::StillHolds(). Streams ask whenever they do something new, Await before it
  // answers.
  absl::Status StillHolds(const Principal& principal) const;
  // Where the answers to admitted calls are counted.
  UnreadAnswers& unread() const { return unread_; }

 private:
  const Access& access_;
  UnreadAnswers& unread_;
  const OnRefused on_refused_;
};

// One unary RPC, from the gate to its reply:
//
//   UnaryCall call(context, response, gate_, kMethod);
//   if (!call.admitted()) return call.reactor();
//
// A refused call is answered already: by the gate, or because its tenant's answers are not taken.
class UnaryCall {
 public:
  UnaryCall(grpc::CallbackServerContext* context, UnaryReactor::Response response, const Gate& gate,
            absl::string_view full_method);
  // The same, and it takes a place of `limits` until it is answered.
  UnaryCall(grpc::CallbackServerContext* context, UnaryReactor::Response response, const Gate& gate,
            absl::string_view full_method, CallLimits& limits);

  bool admitted() const { return caller_.ok(); }
  const Principal& caller() const { return *caller_; }
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }
  // Answers with an error, or with the response as it is.
  grpc::ServerUnaryReactor* Finish(const absl::Status& status);
  // Hands the reply to code that answers later; once.
  Reply TakeReply() { return std::move(reply_); }

 private:
  UnaryReactor* const reactor_;
  Reply reply_;
  absl::StatusOr<Principal> caller_;
};

}  // namespace onetake
