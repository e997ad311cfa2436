#include "tools/mcp/json_rpc.h"

#include <utility>

#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/base/utf8.h"

namespace onetake {
namespace {

constexpr char kVersion[] = "2.0";

// Empty parameters are left out: the schema of some methods has none.
Json Message(absl::string_view method, Json params) {
  Json message{{"jsonrpc", kVersion}, {"method", std::string(method)}};
  if (!params.is_null() && !params.empty()) message["params"] = std::move(params);
  return message;
}

}  // namespace

absl::StatusOr<RpcMessage> ParseRpc(absl::string_view text) {
  JsonLimits limits = ResultLimits();
  limits.bytes = kRpcBytes;
  ONETAKE_ASSIGN_OR_RETURN(Json json, ParseJson(text, limits));
  if (!json.is_object() || json.value("jsonrpc", Json()) != Json(kVersion)) {
    return absl::InvalidArgumentError("not a message of JSON-RPC 2.0");
  }
  RpcMessage message;
  if (json.contains("id")) message.id = json["id"];
  if (json.contains("method") && json["method"].is_string()) {
    message.kind =
        message.id.is_null() ? RpcMessage::Kind::kNotification : RpcMessage::Kind::kRequest;
    message.method = json["method"].get<std::string>();
    if (json.contains("params")) message.body = std::move(json["params"]);
  } else if (json.contains("error") && json["error"].is_object()) {
    message.kind = RpcMessage::Kind::kError;
    message.body = std::move(json["error"]);
  } else if (json.contains("result") && !message.id.is_null()) {
    message.kind = RpcMessage::Kind::kResult;
    message.body = std::move(json["result"]);
  } else {
    return absl::InvalidArgumentError("neither a request nor an answer");
  }
  return message;
}

std::string RpcRequest(int64_t id, absl::string_view method, Json params) {
  Json message = Message(method, std::move(params));
  message["id"] = id;
  return DumpJson(message);
}

std::string RpcNotification(absl::string_view method, Json params) {
  return DumpJson(Message(method, std::move(params)));
}

std::string RpcResult(const Json& id, Json result) {
  return DumpJson(Json{{"jsonrpc", kVersion}, {"id", id}, {"result", std::move(result)}});
}

std::string RpcError(const Json& id, int64_t code, absl::string_view message) {
  return DumpJson(Json{{"jsonrpc", kVersion},
                       {"id", id},
                       {"error", {{"code", code}, {"message", std::string(message)}}}});
}

int64_t RpcCode(const Json& error) {
  if (!error.is_object()) return 0;
  const auto code = error.find("code");
  return code != error.end() && code->is_number_integer() ? code->get<int64_t>() : 0;
}

std::string RpcWords(const Json& error) {
  if (!error.is_object()) return "";
  const auto words = error.find("message");
  return words != error.end() && words->is_string() ? words->get<std::string>() : "";
}

std::string ShortWords(std::string text) {
  text.resize(Utf8Prefix(text, limits::kProgressBytes).size());
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace onetake
