#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "runtime/engine/tool_executor.h"
#include "runtime/json/json.h"

namespace onetake {

// The result of one tools/call, in the protocol's own words.
struct McpOutcome {
  enum class End {
    kResult,         // `body` is a CallToolResult
    kError,          // `body` is a JSON-RPC error
    kInputRequired,  // it wants to ask the user first; `body` is an InputRequiredResult
    kRefused,        // an HTTP status without a JSON-RPC answer, or one that speaks of the session
    kNotReady,       // nothing was sent: no connection, or not in time
    kNoSuchTool,     // nothing was sent: the server has no such tool, or a broken definition of it
    kUnreviewed,     // nothing was sent: the definition is not the one that a person has looked at
    kLost,           // it was sent, and nothing is known
  };
  End end = End::kLost;
  Json body;
  int http_status = 0;  // 0 when none was seen
  // kRefused, kError: surely only the session or the version was wrong, which a new attempt mends.
  bool try_again = false;
  bool resent = false;  // the transport sent it more than once; what is known is of the last copy
  bool timed_out = false;
  bool still_runs = false;  // kLost: it was left to run, or to go on as a task
  std::optional<absl::Duration> retry_after;
  std::string error;  // short, for records
};

// Says how far the attempt got and what that means, by the retry table's rows, the specification,
// and what the manifest knows better. `tool.mcp` may be absent (another kind of tool has the name
// by now): then nothing but the protocol is known. Pure.
AttemptReport ClassifyMcp(const Tool& tool, McpOutcome outcome);

}  // namespace onetake
