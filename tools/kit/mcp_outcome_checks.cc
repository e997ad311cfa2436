#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/kit/kit_values.h"
#include "tools/kit/mcp_tool_checks.h"
#include "tools/mcp/json_rpc.h"

namespace onetake {
namespace {

using Holds = CheckList::Holds;
using Server = ScriptedMcpServer;
using Reply = ScriptedMcpServer::Reply;
using Then = ScriptedDownstream::Step::Then;

// The result that the manifest's `result` makes of an answer.
Json Expected(McpBinding::Result wanted, const Json& answer) {
  switch (wanted) {
    case McpBinding::Result::kContent: return answer["content"];
    case McpBinding::Result::kText: return answer["content"][0]["text"];
    default: return answer["structuredContent"];
  }
}

std::optional<FailureKind> FailureOf(StatusMeaning meaning) {
  switch (meaning) {
    case StatusMeaning::kSucceeded: return std::nullopt;
    case StatusMeaning::kRejected: return FailureKind::kDefiniteRefusal;
    case StatusMeaning::kNoEffect: return FailureKind::kRefusedUnprocessed;
    default: return FailureKind::kServerError;
  }
}

// Whether a rule of the manifest fits this error of JSON-RPC.
bool RuledError(const McpBinding& binding, int64_t code) {
  const Json answer{{"error", {{"code", code}}}};
  return std::any_of(binding.errors.begin(), binding.errors.end(), [&](const McpErrorRule& rule) {
    const Json* node = rule.path.has_value() ? rule.path->Find(answer) : nullptr;
    return node != nullptr && *node == rule.equals;
  });
}

}  // namespace

Json McpDefinition(const std::string& name) {
  return {{"name", name}, {"inputSchema", {{"type", "object"}}}};
}

Json McpAnswer(const Json& structured) {
  return {{"resultType", "complete"},
          {"content", {{{"type", "text"}, {"text", DumpJson(structured)}}}},
          {"structuredContent", structured}};
}

Json McpBooked() { return McpAnswer({{"id", 7}, {"at", "2 pm"}}); }

void McpChecks::CheckAnswer() {
  const McpBinding::Result wanted = tool_->mcp->result;
  const AttemptReport report = Attempt({Server::Result(McpBooked())}, kKitLong);
  const Json result = Json::parse(report.result_json, nullptr, /*allow_exceptions=*/false);
  list_.Judge("result.read",
              Holds(!report.failure.has_value() && result == Expected(wanted, McpBooked())),
              "the result is what `result` of the manifest wants of the answer",
              absl::StrCat("an answer with text and structured content was taken as ", Said(report),
                           ", or is another one"));
  if (wanted != McpBinding::Result::kStructured && wanted != McpBinding::Result::kText) {
    return list_.Skip("result.missing", "the manifest takes every answer");
  }
  const Json empty{{"resultType", "complete"}, {"content", Json::array()}};
  JudgeTaken("result.missing", "an answer without what `result` wants",
             Attempt({Server::Result(empty)}, kKitLong), FailureKind::kBodyUnreadable);
}

// The manifest says what isError means; for a WRITE without a rule it is no "no".
void McpChecks::CheckErrors() {
  const McpBinding& binding = *tool_->mcp;
  Json failed = McpAnswer(Json::object());
  failed["isError"] = true;
  JudgeTaken("outcome.is_error", "isError that no rule fits",
             Attempt({Server::Result(failed)}, kKitLong), FailureOf(binding.is_error));
  for (size_t i = 0; i < binding.errors.size(); ++i) {
    const McpErrorRule& rule = binding.errors[i];
    Json answer = failed;
    if (!rule.path.has_value()) answer["content"][0]["text"] = rule.contains;
    const bool made = !rule.path.has_value() || rule.path->Set(answer, rule.equals).ok();
    const std::string check = absl::StrCat("outcome.errors[", i, "]");
    if (!made) {
      list_.Skip(check, "no answer can be made up for its path");
      continue;
    }
    JudgeTaken(check, "isError that it fits", Attempt({Server::Result(answer)}, kKitLong),
               FailureOf(rule.meaning));
  }
}

void McpChecks::CheckStatuses() {
  struct Case {
    std::string name;
    Reply reply;
    enum class Doubt { kNever, kPerhaps, kAsRuled } doubt;
  };
  const auto in_answer = [this](int64_t code, Case::Doubt doubt) {
    return RuledError(*tool_->mcp, code) ? Case::Doubt::kAsRuled : doubt;
  };
  const bool read = tool_->effect == Effect::kRead;
  std::vector<Case> cases = {
      {"-32602", Server::Error(kRpcInvalidParams),
       in_answer(kRpcInvalidParams, read ? Case::Doubt::kNever : Case::Doubt::kPerhaps)},
      {"-32603", Server::Error(kRpcInternalError),
       in_answer(kRpcInternalError, Case::Doubt::kPerhaps)},
      {"HTTP 400", Server::Just({.status = 400}), Case::Doubt::kNever},
      {"HTTP 401 with an error",
       Server::Just(
           {.status = 401,
            .body = R"({"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":""}})"}),
       in_answer(-32001, Case::Doubt::kNever)},
      {"HTTP 429", Server::Just({.status = 429}), Case::Doubt::kNever},
      {"HTTP 500", Server::Just({.status = 500}), Case::Doubt::kPerhaps},
      {"HTTP 503", Server::Just({.status = 503}), Case::Doubt::kPerhaps},
  };
  std::string taken;
  for (Case& test : cases) {
    const AttemptReport report = Attempt({std::move(test.reply)}, kKitLong);
    absl::StrAppend(&taken, taken.empty() ? "" : "; ", test.name, " ", Said(report.failure));
    const bool doubted = report.failure.has_value() && MayHaveHappened(*report.failure);
    if (doubted && test.doubt == Case::Doubt::kNever) {
      list_.Fail("outcome.no_needless_doubt",
                 absl::StrCat(test.name, " is taken as \"may have happened\""));
    }
    if (!doubted && test.doubt == Case::Doubt::kPerhaps) {
      list_.Fail("outcome.no_false_certainty",
                 absl::StrCat(test.name, " is taken as ", Said(report.failure)));
    }
  }
  list_.Pass("outcome.statuses", taken);
}

void McpChecks::CheckHowFar() {
  struct Case {
    const char* check;
    const char* what;
    Reply reply;
  };
  const Case cases[] = {
      {"far.stream_broken", "the event stream ends without an answer", Server::BrokenStream()},
      {"far.closed_without_reply", "the connection is closed after the call",
       Server::Just({.then = Then::kClose})},
      {"far.reset_without_reply", "the connection is reset after the call",
       Server::Just({.then = Then::kReset})},
      {"far.cut_reply", "the answer is cut",
       Server::Just({.then = Then::kCut, .body = DumpJson(McpBooked())})},
      {"far.garbage", "the answer is no JSON-RPC", Server::Just({.body = "<html>"})},
  };
  for (const Case& test : cases) {
    JudgeTaken(test.check, test.what, Attempt({test.reply, test.reply}, kKitLong),
               FailureKind::kLost);
  }
}

void McpChecks::CheckNotSent(AttemptRunner& gone) {
  const AttemptReport report = gone.Run(tool_, Request(kKitLong)).report;
  absl::StrAppend(&heard_, report.error, report.result_json);
  list_.Judge(
      "far.connect_refused",
      Holds(report.failure == FailureKind::kNotSent && report.reached == Reached::kNothingSent),
      "a server that is not there is surely no effect",
      absl::StrCat("a server that is not there was taken as ", Said(report)));
}

}  // namespace onetake
