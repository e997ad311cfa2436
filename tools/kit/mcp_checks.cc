#include "tools/kit/mcp_checks.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "tools/kit/attempt_runner.h"
#include "tools/kit/kit_values.h"
#include "tools/kit/mcp_tool_checks.h"
#include "tools/kit/scripted_mcp_server.h"
#include "tools/mcp/mcp_executor.h"
#include "tools/mcp/mcp_servers.h"

namespace onetake {
namespace {

using Server = ScriptedMcpServer;

// An executor whose only server is at `url`, on the loop as long as this lives.
class Bench {
 public:
  Bench(const std::string& server, const std::string& url, EventLoop& loop, const Clock& clock,
        Random& random)
      : loop_(loop) {
    McpServerSpec spec{.name = server, .url = url};
    spec.headers.push_back(
        {.name = "Authorization",
         .text = "",
         .secret = SecretRef{.kind = SecretRef::Kind::kEnv, .name = kKitSecretVariable},
         .prefix = "Bearer "});
    executor_ =
        std::make_unique<McpExecutor>(loop, clock, MakeMcpClients({spec}, loop, clock, random, {}));
    runner_ = std::make_unique<AttemptRunner>(loop, *executor_);
  }
  ~Bench() {
    absl::Notification gone;
    loop_.Post([&] {
      executor_.reset();
      gone.Notify();
    });
    gone.WaitForNotification();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  AttemptRunner& runner() { return *runner_; }

 private:
  EventLoop& loop_;
  std::unique_ptr<McpExecutor> executor_;
  std::unique_ptr<AttemptRunner> runner_;
};

}  // namespace

std::vector<CheckResult> CheckMcpTool(const Tool& tool, const Json& arguments, EventLoop& loop,
                                      const Clock& clock, Random& random) {
  setenv(kKitSecretVariable, kKitSecret, 1);
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(McpDefinition(tool.mcp->tool), McpBooked());
  absl::StatusOr<std::unique_ptr<Server>> gone = Server::Start(Json::object(), McpBooked());
  if (!server.ok() || !gone.ok()) {
    CheckList failed(tool.name);
    failed.Fail("server.started", (server.ok() ? gone : server).status().message());
    return failed.Take();
  }
  const std::string nowhere = (*gone)->url();
  gone->reset();
  Bench there(tool.mcp->server, (*server)->url(), loop, clock, random);
  Bench absent(tool.mcp->server, nowhere, loop, clock, random);
  return McpChecks(tool, arguments, there.runner(), **server).Run(absent.runner());
}

}  // namespace onetake
