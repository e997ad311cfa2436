#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "runtime/server/grpc_peer.h"
#include "runtime/server/grpc_status.h"
#include "runtime/server/unread_answers.h"

namespace onetake {

// The gRPC side of one unary RPC, which counts its answer until the peer has taken it. Owns itself.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  // The response, in one of two forms: a message or its bytes.
  struct Response {
    Response(const google::protobuf::MessageLite* from) : message(from) {}  // NOLINT(*explicit*)
    Response(const grpc::ByteBuffer* from) : buffer(from) {}                // NOLINT(*explicit*)
    size_t Bytes() const { return message != nullptr ? message->ByteSizeLong() : buffer->Length(); }

    const google::protobuf::MessageLite* message = nullptr;
    const grpc::ByteBuffer* buffer = nullptr;
  };

  UnaryReactor(grpc::CallbackServerContext* context, Response response, UnreadAnswers& unread)
      : context_(*context),
        response_(response),
        unread_(unread),
        peer_(std::make_shared<GrpcPeer>(context)) {}

  // To be called before the answer.
  void set_tenant(const std::string& tenant) { tenant_ = tenant; }

  // Answers, once, however many answers wait already: a status that is not the call's own would say
  // that nothing was done.
  void Answer(const absl::Status& status) {
    if (status.ok()) hold_.emplace(unread_.Add(tenant_, kOfAnAnswer + response_.Bytes(), peer_));
    Finish(ToGrpc(status, context_));
  }

  void OnDone() override {
    peer_->Gone();
    delete this;
  }

 private:
  static constexpr size_t kOfAnAnswer = 2048;  // about what gRPC keeps of an RPC

  grpc::CallbackServerContext& context_;  // lives until OnDone()
  const Response response_;
  UnreadAnswers& unread_;
  const std::shared_ptr<GrpcPeer> peer_;
  std::string tenant_;
  std::optional<UnreadAnswers::Hold> hold_;
};

}  // namespace onetake
