#pragma once

#include <memory>
#include <string>

#include "onetake/v1/runtime.grpc.pb.h"
#include "runtime/base/clock.h"
#include "runtime/catalog/tool.h"
#include "runtime/engine/engine.h"

namespace onetake {

// The gRPC edge of the engine: translates, hands over to the loop, returns. Blocks nowhere and has
// no policy but one: the answer leaves before the RPC's deadline.
class ToolRuntimeService final : public v1::ToolRuntime::CallbackService {
 public:
  struct Options {
    std::string tenant;
    std::shared_ptr<const ToolSet> tools;  // the same that the engine has
  };
  ToolRuntimeService(Options options, Engine& engine, Scheduler& loop, const Clock& clock);

  grpc::ServerUnaryReactor* Execute(grpc::CallbackServerContext* context,
                                    const v1::ExecuteRequest* request,
                                    v1::ExecuteResponse* response) override;
  grpc::ServerUnaryReactor* Await(grpc::CallbackServerContext* context,
                                  const v1::AwaitRequest* request,
                                  v1::ExecuteResponse* response) override;
  grpc::ServerUnaryReactor* ListTools(grpc::CallbackServerContext* context,
                                      const v1::ListToolsRequest* request,
                                      v1::ListToolsResponse* response) override;

 private:
  absl::Duration PatienceOf(const ToolCall& call) const;

  const Options options_;
  Engine& engine_;
  Scheduler& loop_;
  const Clock& clock_;
};

}  // namespace onetake
