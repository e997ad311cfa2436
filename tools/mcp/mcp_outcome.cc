#include "tools/mcp/mcp_outcome.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "tools/http/http_refusal.h"
#include "tools/mcp/json_rpc.h"

namespace onetake {
namespace {

// A member of an answer; null when it has none.
Json Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? Json() : *found;
}

// The texts of the content, a line each; nullopt when there is something else in it.
std::optional<std::string> TextOf(const Json& content, bool& only_text) {
  std::optional<std::string> text;
  only_text = true;
  for (const Json& block : content) {
    const Json type = block.is_object() ? block.value("type", Json()) : Json();
    const Json words = block.is_object() ? block.value("text", Json()) : Json();
    if (type != "text" || !words.is_string()) {
      only_text = false;
      continue;
    }
    if (text.has_value()) text->push_back('\n');
    text = text.value_or("") + words.get<std::string>();
  }
  return text;
}

// Reads the result as JSON; nullopt when the answer lacks what the manifest wants of it.
std::optional<Json> ReadResult(McpBinding::Result wanted, const Json& answer) {
  const Json structured = Member(answer, "structuredContent");
  const Json listed = Member(answer, "content");
  const Json content = listed.is_array() ? listed : Json::array();
  bool only_text = true;
  const std::optional<std::string> text = TextOf(content, only_text);
  switch (wanted) {
    case McpBinding::Result::kStructured:
      return answer.contains("structuredContent") ? std::optional<Json>(structured) : std::nullopt;
    case McpBinding::Result::kContent: return content;
    case McpBinding::Result::kText:
      return text.has_value() ? std::optional<Json>(*text) : std::nullopt;
    case McpBinding::Result::kAuto: break;
  }
  if (answer.contains("structuredContent") && !structured.is_null()) return structured;
  if (!only_text) return content;
  if (!text.has_value()) return Json();
  // Servers without structured content write JSON into the text.
  absl::StatusOr<Json> parsed = ParseJson(*text, ResultLimits());
  return parsed.ok() && parsed->is_structured() ? *std::move(parsed) : Json(*text);
}

StatusMeaning MeaningOf(const Tool& tool, const Json& answer) {
  if (!tool.mcp.has_value()) {
    return tool.effect == Effect::kRead ? StatusMeaning::kRejected
                                        : StatusMeaning::kMayHaveHappened;
  }
  const Json content = Member(answer, "content");
  bool only_text = true;
  const std::string text = content.is_array() ? TextOf(content, only_text).value_or("") : "";
  for (const McpErrorRule& rule : tool.mcp->errors) {
    if (rule.path.has_value()) {
      const Json* node = rule.path->Find(answer);
      if (node != nullptr && *node == rule.equals) return rule.meaning;
    } else if (absl::StrContains(text, rule.contains)) {
      return rule.meaning;
    }
  }
  // This text is not the tool's own word, which is_error is about: SDKs write it when what the tool
  // returned does not fit its schema.
  constexpr absl::string_view kMisfit = "Output validation error:";
  if (tool.effect == Effect::kWrite && absl::StrContains(text, kMisfit)) {
    return StatusMeaning::kMayHaveHappened;
  }
  return tool.mcp->is_error;
}

void Fail(AttemptReport& report, FailureKind failure, absl::string_view error) {
  report.failure = failure;
  if (report.error.empty()) report.error = std::string(error);
}

// Fails as the manifest says, unless it says that the answer means success.
void FailBy(AttemptReport& report, StatusMeaning meaning, absl::string_view words) {
  switch (meaning) {
    case StatusMeaning::kSucceeded: return;
    case StatusMeaning::kRejected: return Fail(report, FailureKind::kDefiniteRefusal, words);
    case StatusMeaning::kNoEffect: return Fail(report, FailureKind::kRefusedUnprocessed, words);
    default: return Fail(report, FailureKind::kServerError, words);
  }
}

void Succeed(const Tool& tool, const Json& answer, AttemptReport& report) {
  std::optional<Json> result =
      ReadResult(tool.mcp.has_value() ? tool.mcp->result : McpBinding::Result::kAuto, answer);
  if (result.has_value()) {
    report.result_json = DumpJson(*result);
    if (report.result_json.size() <= limits::kResultBytes) return;
    report.result_json.clear();
  }
  Fail(report, FailureKind::kBodyUnreadable,
       result.has_value() ? "the result is too big" : "the answer lacks what `result` wants of it");
}

// The part of a failed answer that is handed on: all that the model may learn from.
std::string FailedResult(const Json& answer) {
  Json part = Json::object();
  for (const char* name : {"content", "structuredContent"}) {
    if (answer.contains(name)) part[name] = answer[name];
  }
  std::string text = DumpJson(part);
  return text.size() <= limits::kResultBytes ? text : "";
}

void ClassifyResult(const Tool& tool, const Json& answer, AttemptReport& report) {
  report.reached = Reached::kBodyComplete;
  if (!answer.is_object()) {
    report.reached = Reached::kStatusSeen;
    return Fail(report, FailureKind::kLost, "the answer is no result of a tool");
  }
  if (Member(answer, "isError") != Json(true)) return Succeed(tool, answer, report);
  const StatusMeaning meaning = MeaningOf(tool, answer);
  report.result_json = FailedResult(answer);
  FailBy(report, meaning,
         meaning == StatusMeaning::kMayHaveHappened
             ? "the tool says isError, and the manifest does not say what that means"
             : "the tool says isError");
}

bool RefusesByHttp(int status) { return status >= 400 && status < 500 && !GivesUpMidway(status); }

// Whether the server put the call off without beginning it.
bool PutsOff(const McpOutcome& outcome) {
  return outcome.try_again || RefusesUnprocessed(outcome.http_status);
}

template <size_t N>
bool IsOneOf(const std::array<int64_t, N>& codes, int64_t code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Whether a server says that it did not run the tool. What it refuses before it looks for the tool
// it refuses by an HTTP status, too. In the answer itself the same code may come from a tool that
// has had its effect: SDKs hand on the code of whatever error ended it, be it another server's, our
// own "not offered", or theirs for a result that does not fit its schema. Only a tool that stops to
// ask says so for itself.
bool SaysNotRun(const Tool& tool, const McpOutcome& outcome) {
  constexpr std::array<int64_t, 2> kAsks = {kMcpMissingCapability, kMcpUrlElicitationRequired};
  constexpr std::array<int64_t, 6> kRefuses = {kRpcParseError,     kRpcInvalidRequest,
                                               kRpcMethodNotFound, kRpcInvalidParams,
                                               kMcpHeaderMismatch, kMcpUnsupportedVersion};
  const int64_t code = RpcCode(outcome.body);
  const bool asks = IsOneOf(kAsks, code);
  if (!asks && !IsOneOf(kRefuses, code)) return false;
  // A READ did nothing either way.
  if (tool.effect == Effect::kRead || RefusesByHttp(outcome.http_status)) return true;
  return asks && outcome.http_status == 0;
}

// Whether the status alone says that the message came to no tool, whatever error a gateway or the
// server writes beside it. The others (400, 409, 422 ...) may be what a server makes of an error
// that ended its tool, and 404 of what that did not find.
bool StopsAtTheDoor(int status) {
  constexpr std::array<int, 10> kStatuses = {401, 403, 405, 406, 411, 413, 414, 415, 421, 431};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

// What the manifest says of an error of JSON-RPC. Only rules with a path count: a text is looked
// for in what the tool itself has said.
std::optional<StatusMeaning> RuledError(const Tool& tool, const Json& error) {
  if (!tool.mcp.has_value()) return std::nullopt;
  const Json answer{{"error", error}};
  for (const McpErrorRule& rule : tool.mcp->errors) {
    const Json* node = rule.path.has_value() ? rule.path->Find(answer) : nullptr;
    if (node != nullptr && *node == rule.equals) return rule.meaning;
  }
  return std::nullopt;
}

void ClassifyError(const Tool& tool, const McpOutcome& outcome, AttemptReport& report) {
  const int64_t code = RpcCode(outcome.body);
  report.reached = Reached::kBodyComplete;
  Json shown{{"error", {{"code", code}, {"message", RpcWords(outcome.body)}}}};
  report.result_json = DumpJson(shown);
  if (report.result_json.size() > limits::kResultBytes) report.result_json.clear();
  const std::string words = absl::StrCat("JSON-RPC error ", code);
  if (PutsOff(outcome)) {
    Fail(report, FailureKind::kRefusedUnprocessed, words);
  } else if (const auto ruled = RuledError(tool, outcome.body); ruled.has_value()) {
    FailBy(report, *ruled, words);
  } else if (SaysNotRun(tool, outcome) || StopsAtTheDoor(outcome.http_status)) {
    Fail(report, FailureKind::kDefiniteRefusal, words);
  } else {
    Fail(report, FailureKind::kServerError, words);
  }
}

void ClassifyRefused(const McpOutcome& outcome, AttemptReport& report) {
  report.reached = Reached::kStatusSeen;
  const std::string words = absl::StrCat("HTTP ", outcome.http_status);
  if (PutsOff(outcome)) {
    Fail(report, FailureKind::kRefusedUnprocessed, words);
  } else if (RefusesByHttp(outcome.http_status)) {
    Fail(report, FailureKind::kDefiniteRefusal, words);
  } else {
    Fail(report, FailureKind::kServerError, words);
  }
}

void RefuseUnsent(AttemptReport& report, absl::string_view words) {
  report.reached = Reached::kNothingSent;
  report.result_json = DumpJson(Json{{"error", {{"message", std::string(words)}}}});
  Fail(report, FailureKind::kDefiniteRefusal, words);
}

}  // namespace

AttemptReport ClassifyMcp(const Tool& tool, McpOutcome outcome) {
  AttemptReport report;
  report.http_status = outcome.http_status;
  report.timed_out = outcome.timed_out;
  report.still_runs = outcome.still_runs;
  report.resent = outcome.resent;
  report.retry_after = outcome.retry_after;
  report.error = outcome.error;
  switch (outcome.end) {
    case McpOutcome::End::kResult: ClassifyResult(tool, outcome.body, report); break;
    case McpOutcome::End::kError: ClassifyError(tool, outcome, report); break;
    case McpOutcome::End::kInputRequired:
      // The tool has not run: it wants to ask, and we have declared that nobody is there to answer.
      report.reached = Reached::kBodyComplete;
      report.result_json =
          DumpJson(Json{{"input_required", Member(outcome.body, "inputRequests")}});
      Fail(report, FailureKind::kDefiniteRefusal, "the server wants to ask the user first");
      break;
    case McpOutcome::End::kRefused: ClassifyRefused(outcome, report); break;
    case McpOutcome::End::kNotReady:
      report.reached = Reached::kNothingSent;
      Fail(report, FailureKind::kNotSent, "the server is not ready");
      break;
    case McpOutcome::End::kNoSuchTool:
      RefuseUnsent(report, "the server has no such tool that could be called");
      break;
    case McpOutcome::End::kUnreviewed:
      RefuseUnsent(report,
                   "the server changed this tool since it was reviewed; run onetake tools import "
                   "mcp and look at the difference");
      break;
    case McpOutcome::End::kLost:
      report.reached = Reached::kSomethingSent;
      Fail(report, FailureKind::kLost, "the answer was lost");
      break;
  }
  if (outcome.resent) DoubtRefusalOfCopy(tool, report);
  return report;
}

}  // namespace onetake
