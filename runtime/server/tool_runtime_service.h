#pragma once

#include "onetake/v1/runtime.grpc.pb.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/server/call_limits.h"
#include "runtime/server/current_tools.h"
#include "runtime/server/gate.h"
#include "runtime/server/session_hub.h"

namespace onetake {

// The gRPC edge of the engine: translates, hands over to the loop, returns. Blocks nowhere and has
// no policy but one: the answer leaves before the RPC's deadline.
//
// Execute takes the message's bytes, because gRPC answers UNIMPLEMENTED to a message that its
// parser refuses, and a model's text must not be able to do that.
using ToolRuntimeBase = v1::ToolRuntime::WithRawCallbackMethod_Execute<
    v1::ToolRuntime::WithCallbackMethod_Await<v1::ToolRuntime::WithCallbackMethod_ListTools<
        v1::ToolRuntime::WithRawCallbackMethod_Session<v1::ToolRuntime::Service>>>>;

class ToolRuntimeService final : public ToolRuntimeBase {
 public:
  struct Options {
    const Gate& gate;
    CallLimits& limits;
    const CurrentTools& tools;
  };
  ToolRuntimeService(Options options, Engine& engine, SessionHub& sessions, Scheduler& loop,
                     const Clock& clock);

  grpc::ServerUnaryReactor* Execute(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Await(grpc::CallbackServerContext* context,
                                  const v1::AwaitRequest* request,
                                  v1::ExecuteResponse* response) override;
  grpc::ServerUnaryReactor* ListTools(grpc::CallbackServerContext* context,
                                      const v1::ListToolsRequest* request,
                                      v1::ListToolsResponse* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Session(
      grpc::CallbackServerContext* context) override;

 private:
  absl::Duration PatienceOf(const ToolCall& call) const;

  const Options options_;
  Engine& engine_;
  SessionHub& sessions_;
  Scheduler& loop_;
  const Clock& clock_;
};

}  // namespace onetake
