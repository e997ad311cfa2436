#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

// JSON-RPC 2.0 as MCP uses it. Pure.
namespace onetake {

// The codes of JSON-RPC and of MCP.
inline constexpr int64_t kRpcParseError = -32700;
inline constexpr int64_t kRpcInvalidRequest = -32600;
inline constexpr int64_t kRpcMethodNotFound = -32601;
inline constexpr int64_t kRpcInvalidParams = -32602;
inline constexpr int64_t kRpcInternalError = -32603;
inline constexpr int64_t kMcpHeaderMismatch = -32020;
inline constexpr int64_t kMcpMissingCapability = -32021;
inline constexpr int64_t kMcpUnsupportedVersion = -32022;
inline constexpr int64_t kMcpUrlElicitationRequired = -32042;

struct RpcMessage {
  enum class Kind { kResult, kError, kRequest, kNotification };
  Kind kind = Kind::kNotification;
  Json id;             // null for a notification
  std::string method;  // of a request or notification
  Json body;           // result, error or params
};

// Reads what a peer sends, which may be of any size and form: INVALID_ARGUMENT when it is no
// message. A list of messages, which only 2025-03-26 had, is refused too.
absl::StatusOr<RpcMessage> ParseRpc(absl::string_view text);
// The longest message that is read.
inline constexpr size_t kRpcBytes = size_t{4} * 1024 * 1024;

std::string RpcRequest(int64_t id, absl::string_view method, Json params);
std::string RpcNotification(absl::string_view method, Json params);
std::string RpcResult(const Json& id, Json result);
std::string RpcError(const Json& id, int64_t code, absl::string_view message);

// The code of an error object; 0 when it has none.
int64_t RpcCode(const Json& error);
// The message of an error object, for records; empty when it has none.
std::string RpcWords(const Json& error);

// Makes a stranger's words fit for a line: cuts them to limits::kProgressBytes, with a space for
// each control character. `text` is UTF-8, as JSON is.
std::string ShortWords(std::string text);

}  // namespace onetake
