#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"
#include "runtime/engine/tool_executor.h"
#include "tools/mcp/mcp_client.h"

namespace onetake {

// Executes tools of MCP servers: one tools/call is one attempt. Owned by the loop.
class McpExecutor final : public ToolExecutor {
 public:
  // `clients` are keyed by their names in onetake.yaml.
  McpExecutor(Scheduler& scheduler, const Clock& clock,
              std::map<std::string, std::unique_ptr<McpClient>> clients);

  // Ends the servers that are programs; what still runs in any is not reported any more. To be
  // called from the loop, or once it has stopped; blocks until they have ended.
  void Stop();

  absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                     absl::string_view key) const override;
  bool HoldsKey(const Tool& tool, absl::string_view rendered, absl::string_view key) const override;
  AttemptId Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                  Done done) override;
  absl::Duration NotReadyFor(const Tool& tool) const override;
  void Cancel(AttemptId id) override;

 private:
  struct Running {
    McpClient* client = nullptr;
    uint64_t call = 0;
  };
  AttemptId Refuse(AttemptId id, std::string error, Done done);

  Scheduler& scheduler_;
  const Clock& clock_;
  std::map<std::string, std::unique_ptr<McpClient>> clients_;
  uint64_t next_ = 0;
  absl::flat_hash_map<AttemptId, Running> running_;
};

}  // namespace onetake
