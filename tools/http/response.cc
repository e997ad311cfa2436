#include "tools/http/response.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "tools/http/http_refusal.h"

namespace onetake {
namespace {

bool Matches(const std::optional<ResponseMatch>& match, const HttpExchange& exchange) {
  if (!match.has_value() || match->status != exchange.status) return false;
  if (!match->path.has_value()) return true;
  const absl::StatusOr<Json> body = ParseJson(exchange.body, ResultLimits());
  if (!body.ok()) return false;
  const Json* node = match->path->Find(*body);
  return node != nullptr && *node == match->equals;
}

FailureKind ServerError(const Tool& tool) {
  return tool.safety.keyed && tool.safety.replays_errors ? FailureKind::kReplayedError
                                                         : FailureKind::kServerError;
}

bool Fits(const HttpErrorRule& rule, const Json& body) {
  const Json* node = rule.path.Find(body);
  if (node == nullptr) return false;
  if (rule.equals.has_value()) return *node == *rule.equals;
  const bool is_empty = node->is_string() ? node->get_ref<const std::string&>().empty()
                                          : node->is_structured() && node->empty();
  return !node->is_null() && *node != false && !is_empty;
}

// What the manifest says of an answer that is a success by its status.
std::optional<StatusMeaning> ErrorIn(const Tool& tool, const HttpExchange& exchange) {
  const bool success = exchange.status >= 200 && exchange.status < 300;
  if (!success || !tool.http.has_value() || tool.http->errors.empty()) return std::nullopt;
  const absl::StatusOr<Json> body = ParseJson(exchange.body, ResultLimits());
  if (!body.ok()) return std::nullopt;
  for (const HttpErrorRule& rule : tool.http->errors) {
    if (Fits(rule, *body)) return rule.meaning;
  }
  return std::nullopt;
}

std::optional<StatusMeaning> Declared(const Tool& tool, int status) {
  if (!tool.http.has_value()) return std::nullopt;
  const auto found = tool.http->outcomes.find(status);
  if (found == tool.http->outcomes.end()) return std::nullopt;
  return found->second;
}

// nullopt: it took effect.
std::optional<FailureKind> ByMeaning(StatusMeaning meaning) {
  switch (meaning) {
    case StatusMeaning::kNoEffect: return FailureKind::kRefusedUnprocessed;
    case StatusMeaning::kRejected: return FailureKind::kDefiniteRefusal;
    case StatusMeaning::kMayHaveHappened: return FailureKind::kServerError;
    case StatusMeaning::kSucceeded: return std::nullopt;
    case StatusMeaning::kAlreadyGone: return FailureKind::kAlreadyGone;
  }
  return FailureKind::kServerError;
}

std::optional<FailureKind> ByStatus(const Tool& tool, const HttpExchange& exchange) {
  const int status = exchange.status;
  // What names a part of the answer says more than what stands for all answers of that status.
  if (tool.safety.keyed && Matches(tool.key_in_use, exchange)) return FailureKind::kKeyInUse;
  if (tool.safety.keyed && Matches(tool.key_reused, exchange)) return FailureKind::kKeyReused;
  if (const auto meaning = ErrorIn(tool, exchange)) return ByMeaning(*meaning);
  if (const auto meaning = Declared(tool, status)) return ByMeaning(*meaning);
  if (status >= 200 && status < 300) return std::nullopt;
  if (RefusesUnprocessed(status)) return FailureKind::kRefusedUnprocessed;
  if (GivesUpMidway(status)) return ServerError(tool);
  switch (status) {
    // The target is elsewhere, so the request did nothing here. Redirects are not followed: the
    // manifest fixes the destination.
    case 301:
    case 307:
    case 308: return FailureKind::kDefiniteRefusal;
    default: break;
  }
  if (status >= 400 && status < 500) return FailureKind::kDefiniteRefusal;
  // This is a 5xx, or one of the other 3xx: "303 See Other" is how many a POST says that it is
  // done.
  return ServerError(tool);
}

// The result's bytes; nullopt when they cannot be read, or are too many. A text gets longer when it
// is written as JSON.
std::optional<std::string> ReadResult(const Tool& tool, std::string body) {
  if (body.empty()) return "null";
  if (tool.http.has_value() && tool.http->text_result) {
    std::string text = DumpJson(Json(std::move(body)));
    if (text.size() > limits::kResultBytes) return std::nullopt;
    return text;
  }
  if (!ParseJson(body, ResultLimits()).ok()) return std::nullopt;
  return body;
}

// A 202 says that nothing has taken effect yet; the job's id says what will (RFC 9110, 15.3.3).
void ClassifyAccepted(const JobSpec& job, const HttpExchange& exchange, AttemptReport& report) {
  const absl::StatusOr<Json> body = ParseJson(exchange.body, ResultLimits());
  const Json* id = body.ok() ? job.id.Find(*body) : nullptr;
  if (id != nullptr && id->is_string() && !id->get_ref<const std::string&>().empty()) {
    report.job = id->get<std::string>();
  } else if (id != nullptr && id->is_number()) {
    report.job = CanonicalJson(*id);
  } else {
    report.failure = FailureKind::kLost;
    if (report.error.empty()) report.error = "accepted without a job's id";
  }
}

void ClassifyAnswered(const Tool& tool, HttpExchange exchange, AttemptReport& report) {
  const bool complete = exchange.transport == HttpExchange::Transport::kComplete;
  report.reached = complete ? Reached::kBodyComplete : Reached::kStatusSeen;
  if (exchange.status == 202 && tool.job.has_value() && !ErrorIn(tool, exchange).has_value()) {
    return ClassifyAccepted(*tool.job, exchange, report);
  }
  report.failure = ByStatus(tool, exchange);
  if (report.failure.has_value()) {
    if (report.error.empty()) report.error = absl::StrCat("HTTP ", exchange.status);
    if (complete && ParseJson(exchange.body, ResultLimits()).ok())
      report.result_json = std::move(exchange.body);
    return;
  }
  std::optional<std::string> result =
      complete ? ReadResult(tool, std::move(exchange.body)) : std::nullopt;
  if (result.has_value()) {
    report.result_json = *std::move(result);
    return;
  }
  // Where a success may say no in its body, one that cannot be read says nothing.
  const bool may_say_no = tool.http.has_value() && !tool.http->errors.empty();
  report.failure = may_say_no ? FailureKind::kLost : FailureKind::kBodyUnreadable;
  if (report.error.empty()) {
    report.error = tool.http.has_value() && tool.http->text_result
                       ? "the answer is too long when it is written as JSON"
                       : "the answer is not JSON";
  }
}

}  // namespace

AttemptReport ClassifyExchange(const Tool& tool, HttpExchange exchange) {
  AttemptReport report;
  report.http_status = exchange.status;
  report.retry_after = exchange.retry_after;
  report.error = exchange.error;
  report.latency = exchange.latency;
  report.timed_out =
      exchange.transport == HttpExchange::Transport::kTimeout && exchange.request_begun;
  report.resent = exchange.resent;
  if (exchange.status >= 200) {
    ClassifyAnswered(tool, std::move(exchange), report);
    if (report.resent) DoubtRefusalOfCopy(tool, report);
  } else if (exchange.request_begun) {
    report.reached = Reached::kSomethingSent;
    report.failure = FailureKind::kLost;
  } else {
    report.reached = Reached::kNothingSent;
    report.failure = FailureKind::kNotSent;
  }
  return report;
}

}  // namespace onetake
