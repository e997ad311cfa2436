#include "tools/kit/http_checks.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tools/http/http_executor.h"
#include "tools/kit/attempt_runner.h"
#include "tools/kit/kit_values.h"
#include "tools/kit/scripted_downstream.h"

namespace onetake {
namespace {

using Holds = CheckList::Holds;
using Step = ScriptedDownstream::Step;

std::string Wire(const ScriptedDownstream::Request& request) {
  return absl::StrCat(request.head, "\r\n", request.body);
}

// The tool with the downstream's address instead of its own, and the canary for every secret.
std::shared_ptr<Tool> Redirected(const Tool& tool, const std::string& origin) {
  auto copy = std::make_shared<Tool>(tool);
  copy->http->origin = origin;
  for (HttpHeader& header : copy->http->headers) {
    if (header.secret.has_value()) {
      header.secret = {.kind = SecretRef::Kind::kEnv, .name = kKitSecretVariable};
    }
  }
  return copy;
}

class HttpChecks {
 public:
  HttpChecks(const Tool& tool, const Json& arguments, AttemptRunner& runner,
             ScriptedDownstream& downstream)
      : tool_(Redirected(tool, downstream.origin())),
        arguments_(arguments),
        runner_(runner),
        downstream_(downstream),
        list_(tool.name) {}

  std::vector<CheckResult> Run();

 private:
  bool is_write() const { return tool_->effect == Effect::kWrite; }
  bool may_be_resent() const { return tool_->safety.keyed || tool_->safety.natural || !is_write(); }
  AttemptReport Attempt(std::vector<Step> steps, absl::Duration timeout);

  bool CheckRendering();
  void CheckKey();
  void CheckSecrets();
  void CheckAnswer();
  void CheckStatuses();
  void CheckKeyAnswer(absl::string_view check, const std::optional<ResponseMatch>& match,
                      FailureKind expected);
  void CheckHowFar();
  void CheckNotSent();
  void CheckDeadline();
  void CheckCancel();
  void CheckNoSilentResend();

  const std::shared_ptr<Tool> tool_;
  const Json& arguments_;
  AttemptRunner& runner_;
  ScriptedDownstream& downstream_;
  CheckList list_;
  std::string rendered_;
};

AttemptReport HttpChecks::Attempt(std::vector<Step> steps, absl::Duration timeout) {
  downstream_.Script(std::move(steps));
  AttemptRunner::Ran ran =
      runner_.Run(tool_, {.rendered = rendered_,
                          .timeout = timeout,
                          .transport_resend = may_be_resent() ? TransportResend::kAllowed
                                                              : TransportResend::kForbidden});
  if (!ran.answered) list_.Fail("attempt.reported_once", "an attempt was never reported");
  return std::move(ran.report);
}

bool HttpChecks::CheckRendering() {
  absl::StatusOr<std::string> rendered =
      runner_.Render(*tool_, arguments_, is_write() ? kKitKey : "");
  if (!rendered.ok()) {
    list_.Fail("request.rendered", rendered.status().message());
    return false;
  }
  rendered_ = *std::move(rendered);
  list_.Pass("request.rendered", absl::StrCat(tool_->http->method, " with these arguments"));
  return true;
}

void HttpChecks::CheckKey() {
  Attempt({{}}, kKitLong);
  const std::vector<ScriptedDownstream::Request> first = downstream_.requests();
  Attempt({{}}, kKitLong);
  const std::vector<ScriptedDownstream::Request> second = downstream_.requests();
  if (first.size() != 1 || second.size() != 1) {
    return list_.Fail("request.one_per_attempt",
                      absl::StrCat(first.size(), " and ", second.size(), " requests came"));
  }
  list_.Pass("request.one_per_attempt", "one request for each attempt");
  list_.Judge("request.same_bytes", Holds(Wire(first[0]) == Wire(second[0])),
              "a second attempt is the first one, byte for byte",
              "a second attempt is not the first one, byte for byte");
  if (!is_write()) return list_.Skip("key.passed_on", "a READ has no key");
  const bool sent = absl::StrContains(Wire(first[0]), kKitKey);
  if (!tool_->safety.keyed) {
    return list_.Skip("key.passed_on", "the manifest does not say that the downstream takes one");
  }
  list_.Judge("key.passed_on", Holds(sent), "the intent key is in every attempt",
              "the intent key is not in the request");
}

void HttpChecks::CheckSecrets() {
  const bool has_secret = absl::StrContains(rendered_, kKitSecretVariable);
  list_.Judge("secret.not_recorded", Holds(!absl::StrContains(rendered_, kKitSecret)),
              has_secret ? "the recorded request names the secret, and does not hold it"
                         : "the tool has no secret",
              "the recorded request holds the secret");
  if (!has_secret) return;
  const AttemptReport report = Attempt({{.status = 400, .body = "{\"error\":\"no\"}"}}, kKitLong);
  const std::vector<ScriptedDownstream::Request> requests = downstream_.requests();
  list_.Judge("secret.sent",
              Holds(requests.size() == 1 && absl::StrContains(requests[0].head, kKitSecret)),
              "it is in a header of the request", "it is in no header of the request");
  list_.Judge("secret.not_echoed",
              Holds(!absl::StrContains(absl::StrCat(report.error, report.result_json), kKitSecret)),
              "it is not in what is reported", "it is in what is reported");
}

void HttpChecks::CheckAnswer() {
  const std::string body = R"({"id":7,"at":"2 pm"})";
  const AttemptReport report = Attempt({{.body = body}}, kKitLong);
  const std::string expected = tool_->http->text_result ? DumpJson(Json(body)) : body;
  list_.Judge("result.unchanged",
              Holds(!report.failure.has_value() && report.result_json == expected),
              "the downstream's answer is the result, byte for byte",
              absl::StrCat("200 with JSON was taken as: ", Said(report)));
  const std::string big = absl::StrCat("\"", std::string(tool_->http->max_result_bytes, 'x'), "\"");
  const AttemptReport too_big = Attempt({{.body = big}}, kKitLong);
  list_.Judge("result.bounded", Holds(too_big.failure == FailureKind::kBodyUnreadable),
              "too long an answer of a success is a success without a result",
              absl::StrCat("too long an answer was taken as: ", Said(too_big)));
}

// The manifest interprets statuses; what is always wrong is doubt about a plain refusal.
void HttpChecks::CheckStatuses() {
  std::string taken;
  for (const int status : {400, 404, 409, 422, 429, 500, 503}) {
    const AttemptReport report = Attempt({{.status = status, .body = "{}"}}, kKitLong);
    absl::StrAppend(&taken, taken.empty() ? "" : "; ", status, " ",
                    report.failure.has_value() ? ToString(*report.failure) : "success");
    if ((status == 400 || status == 429) && report.failure.has_value() &&
        MayHaveHappened(*report.failure)) {
      list_.Fail("outcome.no_needless_doubt",
                 absl::StrCat(status, " is taken as \"may have happened\""));
    }
  }
  list_.Pass("outcome.statuses", taken);
  CheckKeyAnswer("outcome.in_use", tool_->key_in_use, FailureKind::kKeyInUse);
  CheckKeyAnswer("outcome.reused", tool_->key_reused, FailureKind::kKeyReused);
}

// What the manifest says that the downstream answers about a key must be seen as that.
void HttpChecks::CheckKeyAnswer(absl::string_view check, const std::optional<ResponseMatch>& match,
                                FailureKind expected) {
  if (!match.has_value()) return;
  Json body = Json::object();
  if (match->path.has_value() && !match->path->Set(body, match->equals).ok()) {
    return list_.Skip(check, "no answer can be made up for its path");
  }
  const AttemptReport report =
      Attempt({{.status = match->status, .body = DumpJson(body)}}, kKitLong);
  list_.Judge(check, Holds(report.failure == expected), "its answer is seen as what it is",
              absl::StrCat("its answer is taken as ", Said(report)));
}

void HttpChecks::CheckHowFar() {
  struct Case {
    const char* check;
    const char* what;
    Step step;
    FailureKind expected;
  };
  const Case cases[] = {
      {"far.closed_without_reply",
       "the connection is closed after the request",
       {.then = Step::Then::kClose},
       FailureKind::kLost},
      {"far.reset_without_reply",
       "the connection is reset after the request",
       {.then = Step::Then::kReset},
       FailureKind::kLost},
      {"far.cut_reply",
       "the answer of a success is cut",
       {.then = Step::Then::kCut, .body = R"({"id":7,"at":"2 pm"})"},
       FailureKind::kBodyUnreadable},
  };
  for (const Case& test : cases) {
    const AttemptReport report = Attempt({test.step, test.step}, kKitLong);
    list_.Judge(test.check, Holds(report.failure == test.expected),
                absl::StrCat(test.what, ": ", Said(report)),
                absl::StrCat(test.what, ": taken as ", Said(report), " instead of ",
                             ToString(test.expected)));
  }
}

void HttpChecks::CheckNotSent() {
  absl::StatusOr<std::unique_ptr<ScriptedDownstream>> gone = ScriptedDownstream::Start();
  if (!gone.ok()) return list_.Skip("far.connect_refused", gone.status().message());
  const std::shared_ptr<Tool> tool = Redirected(*tool_, (*gone)->origin());
  gone->reset();
  const absl::StatusOr<std::string> rendered =
      runner_.Render(*tool, arguments_, is_write() ? kKitKey : "");
  if (!rendered.ok()) return;
  const AttemptReport report =
      runner_.Run(tool, {.rendered = *rendered, .timeout = kKitLong}).report;
  list_.Judge(
      "far.connect_refused",
      Holds(report.failure == FailureKind::kNotSent && report.reached == Reached::kNothingSent),
      "a refused connection is surely no effect",
      absl::StrCat("a refused connection was taken as ", Said(report)));
}

void HttpChecks::CheckDeadline() {
  const AttemptReport report = Attempt({{.then = Step::Then::kStall}}, kKitShort);
  list_.Judge("deadline.kept", Holds(report.failure == FailureKind::kLost && report.timed_out),
              "a downstream that never answers is given up at the timeout, and may have done it",
              absl::StrCat("a stalled request was taken as ", Said(report)));
  list_.Judge("deadline.socket_closed", Holds(downstream_.PeerLeft(kKitLong)),
              "the connection is closed with it", "the connection stays open");
}

void HttpChecks::CheckCancel() {
  downstream_.Script({{.then = Step::Then::kStall}});
  const AttemptRunner::Ran ran =
      runner_.RunAndCancel(tool_, {.rendered = rendered_, .timeout = absl::Seconds(60)}, [this] {
        while (downstream_.requests().empty()) std::this_thread::yield();
      });
  list_.Judge("cancel.reported", Holds(ran.answered && ran.report.failure == FailureKind::kLost),
              "a cancelled attempt is reported, as lost",
              absl::StrCat("a cancelled attempt was taken as ",
                           ran.answered ? Said(ran.report) : "nothing: it was not reported"));
  list_.Judge("cancel.socket_closed", Holds(downstream_.PeerLeft(kKitLong)),
              "the connection is closed", "the connection stays open");
}

// R13: a kept connection that dies before the first byte of an answer makes HTTP libraries send the
// request once more.
void HttpChecks::CheckNoSilentResend() {
  if (may_be_resent()) {
    return list_.Skip("resend.none_below", "the request may be sent again");
  }
  Attempt({{.after = Step::After::kKeepAlive}}, kKitLong);
  const AttemptReport report =
      Attempt({{.then = Step::Then::kClose}, {.then = Step::Then::kClose}}, kKitLong);
  const size_t came = downstream_.requests().size();
  list_.Judge("resend.none_below", Holds(came == 1 && report.failure == FailureKind::kLost),
              "nothing below onetake sends it again",
              absl::StrCat(came, " requests came of one attempt"));
}

std::vector<CheckResult> HttpChecks::Run() {
  if (!CheckRendering()) return list_.Take();
  CheckKey();
  CheckSecrets();
  CheckAnswer();
  CheckStatuses();
  CheckHowFar();
  CheckNotSent();
  CheckDeadline();
  CheckCancel();
  CheckNoSilentResend();
  return list_.Take();
}

}  // namespace

std::vector<CheckResult> CheckHttpTool(const Tool& tool, const Json& arguments, EventLoop& loop,
                                       const Clock& clock) {
  CheckList failed(tool.name);
  absl::StatusOr<std::unique_ptr<ScriptedDownstream>> downstream = ScriptedDownstream::Start();
  if (!downstream.ok()) {
    failed.Fail("downstream.started", downstream.status().message());
    return failed.Take();
  }
  setenv(kKitSecretVariable, kKitSecret, 1);
  auto executor = std::make_unique<HttpExecutor>(loop, clock, HttpClient::Options{});
  AttemptRunner runner(loop, *executor);
  std::vector<CheckResult> results = HttpChecks(tool, arguments, runner, **downstream).Run();
  absl::Notification gone;
  loop.Post([&] {
    executor.reset();  // it belongs to the loop
    gone.Notify();
  });
  gone.WaitForNotification();
  return results;
}

}  // namespace onetake
