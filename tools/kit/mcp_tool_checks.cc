#include "tools/kit/mcp_tool_checks.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/kit/kit_values.h"
#include "tools/mcp/mcp_call.h"
#include "tools/mcp/tool_digest.h"

namespace onetake {
namespace {

using Holds = CheckList::Holds;
using Server = ScriptedMcpServer;
using Reply = ScriptedMcpServer::Reply;
using Then = ScriptedDownstream::Step::Then;

constexpr char kHalfWay[] = "half way";
// A wait that is longer than a client takes to close the stream of what is over.
constexpr absl::Duration kToClose = absl::Milliseconds(1500);

// The call without what differs in each attempt.
Json WithoutToken(const Json& call) {
  Json params = call.value("params", Json::object());
  if (params.contains("_meta")) params["_meta"].erase("progressToken");
  return params;
}

Json MetaOf(const Json& call, const std::string& name) {
  return call.value("params", Json::object()).value("_meta", Json::object()).value(name, Json());
}

}  // namespace

McpChecks::McpChecks(const Tool& tool, const Json& arguments, AttemptRunner& runner,
                     ScriptedMcpServer& server)
    : tool_(std::make_shared<Tool>(tool)),
      arguments_(arguments),
      runner_(runner),
      server_(server),
      list_(tool.name) {
  tool_->mcp->reviewed = ReviewDigest(McpDefinition(tool.mcp->tool));
}

AttemptRequest McpChecks::Request(absl::Duration timeout) const {
  return {.rendered = rendered_,
          .timeout = timeout,
          .transport_resend =
              may_be_resent() ? TransportResend::kAllowed : TransportResend::kForbidden};
}

AttemptRunner::Ran McpChecks::Again(absl::Duration timeout) {
  AttemptRunner::Ran ran = runner_.Run(tool_, Request(timeout));
  if (!ran.answered) list_.Fail("attempt.reported_once", "an attempt was never reported");
  absl::StrAppend(&heard_, ran.report.error, ran.report.result_json);
  return ran;
}

AttemptReport McpChecks::Attempt(std::vector<Reply> replies, absl::Duration timeout) {
  server_.Script(std::move(replies));
  return Again(timeout).report;
}

void McpChecks::JudgeTaken(absl::string_view check, const std::string& what,
                           const AttemptReport& report, std::optional<FailureKind> expected) {
  list_.Judge(check, Holds(report.failure == expected), absl::StrCat(what, ": ", Said(report)),
              absl::StrCat(what, ": taken as ", Said(report), " instead of ", Said(expected)));
}

bool McpChecks::CheckRendering() {
  absl::StatusOr<std::string> rendered =
      runner_.Render(*tool_, arguments_, is_write() ? kKitKey : "");
  if (!rendered.ok()) {
    list_.Fail("request.rendered", rendered.status().message());
    return false;
  }
  rendered_ = *std::move(rendered);
  list_.Pass("request.rendered", "tools/call with these arguments");
  return true;
}

void McpChecks::CheckKey() {
  server_.Script({});
  Again(kKitLong);
  Again(kKitLong);
  const std::vector<Json> calls = server_.calls();
  if (calls.size() != 2) {
    return list_.Fail("request.one_per_attempt",
                      absl::StrCat(calls.size(), " calls came of two attempts"));
  }
  list_.Pass("request.one_per_attempt", "one call for each attempt");
  list_.Judge("request.same_bytes", Holds(WithoutToken(calls[0]) == WithoutToken(calls[1])),
              "a second attempt is the first one, but for ids of the protocol",
              "a second attempt is not the first one");
  if (!is_write()) return list_.Skip("key.passed_on", "a READ has no key");
  std::vector<std::string> names = {std::string(kIntentKeyMeta)};
  if (tool_->safety.keyed && tool_->key_placement.has_value()) {
    names.push_back(tool_->key_placement->mcp_meta);
  }
  std::string missing;
  for (const std::string& name : names) {
    const bool there = std::all_of(calls.begin(), calls.end(), [&](const Json& call) {
      return MetaOf(call, name) == Json(std::string(kKitKey));
    });
    if (!there) absl::StrAppend(&missing, " ", name);
  }
  list_.Judge("key.passed_on", Holds(missing.empty()),
              "the intent key is in _meta of every attempt",
              absl::StrCat("the intent key is not in _meta of every attempt:", missing));
}

// The server does each key, or each list of arguments, once, so a repeated call must be the same.
void McpChecks::CheckOnce() {
  if (!is_write()) return;
  if (!may_be_resent()) {
    return list_.Skip("write.once", "neither KEYED nor NATURAL: onetake never sends it again");
  }
  server_.Script({Server::BrokenStream(), Server::Result(McpBooked())});
  Again(kKitLong);
  const AttemptReport again = Again(kKitLong).report;
  std::set<Json> effects;
  for (const Json& call : server_.calls()) {
    effects.insert(tool_->safety.keyed ? MetaOf(call, tool_->key_placement->mcp_meta)
                                       : WithoutToken(call)["arguments"]);
  }
  list_.Judge("write.once", Holds(effects.size() == 1 && !again.failure.has_value()),
              "sent again after a lost answer, it is the same one to the server",
              absl::StrCat("sent again after a lost answer, it is ", effects.size(),
                           " to the server, and taken as ", Said(again)));
}

void McpChecks::CheckProgress() {
  server_.Script({Server::Progress(kHalfWay, McpBooked())});
  const AttemptRunner::Ran ran = Again(kKitLong);
  const bool told = ran.progress.size() == 1 && ran.progress[0].text == kHalfWay &&
                    ran.progress[0].progress == 1 && ran.progress[0].total == 2;
  list_.Judge("progress", Holds(told && !ran.report.failure.has_value()),
              "progress is passed on, and the answer behind it is taken",
              absl::StrCat("told ", ran.progress.size(), " times; ", Said(ran.report)));
}

// R19: a tool that no person has looked at is not called.
void McpChecks::CheckReview() {
  const auto changed = std::make_shared<Tool>(*tool_);
  changed->mcp->reviewed = absl::StrCat("sha256:", std::string(64, '0'));
  server_.Script({});
  const AttemptReport report = runner_.Run(changed, Request(kKitLong)).report;
  absl::StrAppend(&heard_, report.error, report.result_json);
  list_.Judge("review.kept",
              Holds(report.failure == FailureKind::kDefiniteRefusal &&
                    report.reached == Reached::kNothingSent && server_.calls().empty()),
              "a tool that is not the reviewed one is refused, and nothing is sent",
              absl::StrCat("a tool that is not the reviewed one: ", server_.calls().size(),
                           " calls, taken as ", Said(report)));
}

// Nobody waits for the stalled call any more. A READ is ended; for a WRITE, closing the stream
// would cancel it. The attempt that follows makes sure that whatever is said has been said.
void McpChecks::CheckGivenUp(const std::string& of) {
  if (!is_write()) {
    return list_.Judge(absl::StrCat(of, ".read_ended"),
                       Holds(server_.Cancelled(kKitLong) && server_.PeerLeft(kKitLong)),
                       "the server is told, and its stream is closed",
                       "the server is not told, or its stream stays open");
  }
  const AttemptReport next = Again(kKitLong).report;
  const bool told = server_.Cancelled(absl::ZeroDuration());
  const bool left = server_.PeerLeft(kToClose);
  list_.Judge(absl::StrCat(of, ".write_not_cancelled"),
              Holds(!told && !left && !next.failure.has_value()),
              "a WRITE is not cancelled: its stream stays open, and others go on",
              absl::StrCat(told ? "the server is told to cancel a WRITE; " : "",
                           left ? "a WRITE's stream is closed, which cancels it; " : "",
                           "the next attempt: ", Said(next)));
}

void McpChecks::CheckDeadline() {
  const AttemptReport report = Attempt({Server::Just({.then = Then::kStall})}, kKitShort);
  list_.Judge("deadline.kept", Holds(report.failure == FailureKind::kLost && report.timed_out),
              "a server that never answers is given up at the timeout, and may have done it",
              absl::StrCat("a stalled call was taken as ", Said(report)));
  CheckGivenUp("deadline");
}

void McpChecks::CheckCancel() {
  server_.Script({Server::Just({.then = Then::kStall})});
  const AttemptRunner::Ran ran = runner_.RunAndCancel(tool_, Request(absl::Seconds(60)), [this] {
    while (server_.calls().empty()) std::this_thread::yield();
  });
  list_.Judge("cancel.reported", Holds(ran.answered && ran.report.failure == FailureKind::kLost),
              "a cancelled attempt is reported, as lost",
              absl::StrCat("a cancelled attempt was taken as ",
                           ran.answered ? Said(ran.report) : "nothing: it was not reported"));
  CheckGivenUp("cancel");
}

// R13, as for HTTP tools.
void McpChecks::CheckNoSilentResend() {
  if (may_be_resent()) {
    return list_.Skip("resend.none_below", "the call may be sent again");
  }
  // A body that names no request leaves the connection as it is.
  Attempt({Server::Just({.after = ScriptedDownstream::Step::After::kKeepAlive})}, kKitLong);
  const Reply close = Server::Just({.then = Then::kClose});
  const AttemptReport report = Attempt({close, close}, kKitLong);
  const size_t came = server_.calls().size();
  list_.Judge("resend.none_below", Holds(came == 1 && report.failure == FailureKind::kLost),
              "nothing below onetake sends it again",
              absl::StrCat(came, " calls came of one attempt"));
}

void McpChecks::CheckSecrets() {
  list_.Judge("secret.not_recorded", Holds(!absl::StrContains(rendered_, kKitSecret)),
              "the recorded request does not hold the server's secret",
              "the recorded request holds the server's secret");
  Attempt({Server::Just({.status = 401})}, kKitLong);
  const std::vector<ScriptedDownstream::Request> requests = server_.requests();
  const bool sent = std::all_of(requests.begin(), requests.end(), [](const auto& request) {
    return absl::StrContains(request.head, kKitSecret);
  });
  list_.Judge("secret.sent", Holds(sent && !requests.empty()), "it is in a header of each request",
              "it is not in a header of each request");
  list_.Judge("secret.not_echoed", Holds(!absl::StrContains(heard_, kKitSecret)),
              "it is in nothing that was reported", "it is in what was reported");
}

std::vector<CheckResult> McpChecks::Run(AttemptRunner& gone) {
  if (!CheckRendering()) return list_.Take();
  CheckKey();
  CheckOnce();
  CheckAnswer();
  CheckProgress();
  CheckErrors();
  CheckStatuses();
  CheckHowFar();
  CheckReview();
  CheckNotSent(gone);
  CheckDeadline();
  CheckCancel();
  CheckNoSilentResend();
  CheckSecrets();
  return list_.Take();
}

}  // namespace onetake
