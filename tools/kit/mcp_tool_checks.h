#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/catalog/tool.h"
#include "tools/kit/attempt_runner.h"
#include "tools/kit/check_result.h"
#include "tools/kit/scripted_mcp_server.h"

namespace onetake {

// The scripted server's definition of the tool that is checked, and an ordinary answer of it.
Json McpDefinition(const std::string& name);
Json McpAnswer(const Json& structured);
Json McpBooked();

// The checks of one tool of an MCP server.
class McpChecks {
 public:
  // `tool` is checked as `server` has it, which was Start()ed with McpDefinition() and McpBooked().
  McpChecks(const Tool& tool, const Json& arguments, AttemptRunner& runner,
            ScriptedMcpServer& server);

  // `gone` is an executor whose server is not there.
  std::vector<CheckResult> Run(AttemptRunner& gone);

 private:
  bool is_write() const { return tool_->effect == Effect::kWrite; }
  bool may_be_resent() const { return tool_->safety.keyed || tool_->safety.natural || !is_write(); }
  AttemptRequest Request(absl::Duration timeout) const;
  AttemptRunner::Ran Again(absl::Duration timeout);
  AttemptReport Attempt(std::vector<ScriptedMcpServer::Reply> replies, absl::Duration timeout);
  void JudgeTaken(absl::string_view check, const std::string& what, const AttemptReport& report,
                  std::optional<FailureKind> expected);

  // Checks of the call, in mcp_tool_checks.cc.
  bool CheckRendering();
  void CheckKey();
  void CheckOnce();
  void CheckProgress();
  void CheckReview();
  void CheckGivenUp(const std::string& of);
  void CheckDeadline();
  void CheckCancel();
  void CheckNoSilentResend();
  void CheckSecrets();
  // Checks of what answers and their absence mean, in mcp_outcome_checks.cc.
  void CheckAnswer();
  void CheckErrors();
  void CheckStatuses();
  void CheckHowFar();
  void CheckNotSent(AttemptRunner& gone);

  const std::shared_ptr<Tool> tool_;
  const Json& arguments_;
  AttemptRunner& runner_;
  ScriptedMcpServer& server_;
  CheckList list_;
  std::string rendered_;
  std::string heard_;  // all that was reported
};

}  // namespace onetake
