// Gets ready: which era, the handshake, the list of tools.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "tools/mcp/mcp_client.h"
#include "tools/mcp/tool_digest.h"

namespace onetake {
namespace {

constexpr absl::Duration kStepTimeout = absl::Seconds(10);
// A server over stdio that knows only the handshake may say nothing to what it does not know.
constexpr absl::Duration kSilenceOverStdio = absl::Seconds(3);
// How long a list of tools is believed, whatever the server says of it.
constexpr absl::Duration kFreshLeast = absl::Seconds(10);
constexpr absl::Duration kFreshMost = absl::Minutes(5);
// How long to wait before the list is asked for again: a server may say as often as it likes that
// its list has changed.
constexpr absl::Duration kListPause = absl::Seconds(1);
constexpr int kPages = 100;
constexpr size_t kTools = 10'000;
constexpr size_t kListBytes = size_t{8} * 1024 * 1024;  // of all pages
constexpr char kTasks[] = "io.modelcontextprotocol/tasks";

DiscoverAnswer ToDiscoverAnswer(McpPeer::Answer answer) {
  using Kind = DiscoverAnswer::Kind;
  DiscoverAnswer told{.http_status = answer.end.http_status};
  switch (answer.kind) {
    case McpPeer::Answer::Kind::kResult: told.kind = Kind::kResult; break;
    case McpPeer::Answer::Kind::kError: told.kind = Kind::kError; break;
    case McpPeer::Answer::Kind::kTimeout: told.kind = Kind::kSilence; break;
    case McpPeer::Answer::Kind::kEnded:
      told.kind = answer.end.http_status != 0 ? Kind::kOther : Kind::kNoServer;
      break;
  }
  told.body = std::move(answer.body);
  return told;
}

std::string WhyOf(const McpPeer::Answer& answer) {
  switch (answer.kind) {
    case McpPeer::Answer::Kind::kTimeout: return "no answer in time";
    case McpPeer::Answer::Kind::kError:
      return absl::StrCat("JSON-RPC error ", RpcCode(answer.body));
    case McpPeer::Answer::Kind::kEnded:
      if (answer.end.http_status != 0) return absl::StrCat("HTTP ", answer.end.http_status);
      return answer.end.error.empty() ? "the connection broke" : answer.end.error;
    case McpPeer::Answer::Kind::kResult: break;
  }
  return "the answer makes no sense";
}

}  // namespace

void McpClient::WhenReady(Ready ready) {
  if (state_ == State::kReady && !IsStale()) return ready(absl::OkStatus());
  waiting_.push_back(std::move(ready));
  if (state_ == State::kDown) {
    Connect();
  } else if (state_ == State::kReady) {
    ListAgain();
  }
}

bool McpClient::IsStale() const {
  return changed_ || listing_ || clock_.Elapsed() - listed_at_ > fresh_for_;
}

void McpClient::ListAgain() {
  if (listing_ || list_timer_ != Scheduler::TimerId::kNone) return;
  const absl::Duration pause = list_asked_at_ + kListPause - clock_.Elapsed();
  if (pause <= absl::ZeroDuration()) return ListPage("", 1);
  list_timer_ = scheduler_.RunAfter(pause, lifetime_.While([this] {
    list_timer_ = Scheduler::TimerId::kNone;
    ListPage("", 1);
  }));
}

void McpClient::Connect() {
  if (!up_ || state_ != State::kDown) return;  // on_up comes back here
  state_ = State::kConnecting;
  switch (options_.era) {
    case McpServerSpec::Era::kAuto: return is_old_ ? Initialise() : Discover(1);
    case McpServerSpec::Era::kLegacy: return Initialise();
    case McpServerSpec::Era::kModern: break;
  }
  SpeakModern();
  ListPage("", 1);
}

void McpClient::AskToConnect(McpPeer::Request request, McpPeer::Done done) {
  connecting_ =
      peer_.Ask(std::move(request), [this, done = std::move(done)](McpPeer::Answer answer) mutable {
        connecting_ = 0;
        done(std::move(answer));
      });
}

void McpClient::SpeakModern() {
  Json capabilities = options_.capabilities;
  capabilities["extensions"][kTasks] = Json::object();
  peer_.Speak({.version = std::string(kMcpModernVersion), .capabilities = std::move(capabilities)});
}

void McpClient::Discover(int number) {
  SpeakModern();
  const bool stdio = options_.transport == McpServerSpec::Kind::kCommand;
  asked_era_ = stdio;
  AskToConnect({.method = "server/discover", .timeout = stdio ? kSilenceOverStdio : kStepTimeout},
               [this, number, stdio](McpPeer::Answer answer) {
                 EraVerdict verdict =
                     JudgeDiscovery(ToDiscoverAnswer(std::move(answer)), options_.transport);
                 switch (verdict.kind) {
                   case EraVerdict::Kind::kModern: return ListPage("", 1);
                   case EraVerdict::Kind::kModernAgain:
                     return number == 1 ? Discover(2) : ListPage("", 1);
                   case EraVerdict::Kind::kLegacy: is_old_ = stdio; return Initialise();
                   case EraVerdict::Kind::kFailed: return Fail(verdict.error);
                 }
               });
}

void McpClient::Initialise() {
  peer_.Speak({.era = McpEra::kLegacy, .capabilities = options_.capabilities});
  AskToConnect({.method = "initialize",
                .params = {{"protocolVersion", std::string(kMcpLegacyVersion)},
                           {"capabilities", options_.capabilities},
                           {"clientInfo", {{"name", "onetake"}, {"version", ONETAKE_VERSION}}}},
                .timeout = kStepTimeout},
               [this](McpPeer::Answer answer) { OnInitialised(std::move(answer)); });
}

void McpClient::OnInitialised(McpPeer::Answer answer) {
  const Json version = answer.kind == McpPeer::Answer::Kind::kResult && answer.body.is_object()
                           ? answer.body.value("protocolVersion", Json())
                           : Json();
  if (!version.is_string()) {
    return OnNotInitialised(answer, absl::StrCat("initialize: ", WhyOf(answer)));
  }
  if (EraOf(version.get_ref<const std::string&>()) != McpEra::kLegacy) {
    return OnNotInitialised(answer, "the server speaks no version of MCP that we speak");
  }
  peer_.Speak({.era = McpEra::kLegacy,
               .version = version.get<std::string>(),
               .session = answer.session,
               .capabilities = options_.capabilities});
  peer_.Notify("notifications/initialized", Json::object());
  const Json::json_pointer changes("/capabilities/tools/listChanged");
  const bool hears_changes = answer.body.contains(changes) && answer.body[changes] == Json(true);
  if (hears_changes && options_.transport == McpServerSpec::Kind::kHttp) peer_.Listen();
  ListPage("", 1);
}

void McpClient::OnNotInitialised(const McpPeer::Answer& answer, const std::string& why) {
  const bool answered =
      answer.kind == McpPeer::Answer::Kind::kResult || answer.kind == McpPeer::Answer::Kind::kError;
  // The program is another one by now, or was only slow to say that it is of 2026-07-28.
  if (answered && std::exchange(is_old_, false) && !asked_era_) return Discover(1);
  Fail(why);
}

void McpClient::ListPage(std::string cursor, int page) {
  listing_ = true;
  if (page == 1) {
    page_.clear();
    page_bytes_ = 0;
    changed_ = false;
    list_asked_at_ = clock_.Elapsed();
  }
  Json params = Json::object();
  if (!cursor.empty()) params["cursor"] = std::move(cursor);
  AskToConnect(
      {.method = "tools/list",
       .params = std::move(params),
       .timeout = kStepTimeout,
       .stream = peer_.dialect().era == McpEra::kLegacy ? McpTransport::Outgoing::Stream::kResume
                                                        : McpTransport::Outgoing::Stream::kOnce},
      [this, page](McpPeer::Answer answer) { OnPage(std::move(answer), page); });
}

void McpClient::OnPage(McpPeer::Answer answer, int page) {
  listing_ = false;
  // A server without tools need not know the method.
  const bool none =
      answer.kind == McpPeer::Answer::Kind::kError && RpcCode(answer.body) == kRpcMethodNotFound;
  const Json tools = answer.kind == McpPeer::Answer::Kind::kResult && answer.body.is_object()
                         ? answer.body.value("tools", Json())
                         : Json();
  // The list of a session that is over is asked for in the next one. A new session has none.
  if (state_ == State::kReady && !peer_.dialect().session.empty() && SessionIsOver(answer)) {
    return Reset();
  }
  if (!none && !tools.is_array()) return Fail(absl::StrCat("tools/list: ", WhyOf(answer)));
  for (const Json& tool : tools) page_.push_back(tool);
  page_bytes_ += DumpJson(tools).size();
  if (page_.size() > kTools) return Fail("tools/list: too many tools");
  if (page_bytes_ > kListBytes) return Fail("tools/list: too long");
  const Json next = none ? Json() : answer.body.value("nextCursor", Json());
  if (next.is_string() && !next.get_ref<const std::string&>().empty() && page < kPages) {
    return ListPage(next.get<std::string>(), page + 1);
  }
  fresh_for_ = kFreshMost;
  const Json ttl = none ? Json() : answer.body.value("ttlMs", Json());
  if (ttl.is_number()) {
    fresh_for_ = std::clamp(absl::Milliseconds(ttl.get<double>()), kFreshLeast, kFreshMost);
  }
  BecomeReady();
}

void McpClient::BecomeReady() {
  tools_.clear();
  for (Json& tool : page_) {
    const Json name = tool.is_object() ? tool.value("name", Json()) : Json();
    if (!name.is_string()) continue;
    std::string digest = ReviewDigest(tool);
    absl::StatusOr<std::vector<ToolHeader>> headers =
        ToolHeaders(tool.value("inputSchema", Json::object()));
    tools_.insert_or_assign(name.get<std::string>(),
                            Offered{std::move(tool), std::move(digest), std::move(headers)});
  }
  page_.clear();
  listed_at_ = clock_.Elapsed();
  if (state_ != State::kReady) {
    Log(LogLevel::kInfo, "mcp.ready",
        {{LogField::kAddress, options_.name},
         {LogField::kVersion, peer_.dialect().version},
         {LogField::kCount, static_cast<int64_t>(tools_.size())}});
  }
  state_ = State::kReady;
  for (Ready& ready : std::exchange(waiting_, {})) ready(absl::OkStatus());
}

void McpClient::Reset() {
  if (connecting_ != 0) peer_.Forget(connecting_, McpPeer::Wire::kLeave);
  connecting_ = 0;
  listing_ = false;
  scheduler_.Cancel(std::exchange(list_timer_, Scheduler::TimerId::kNone));
  page_.clear();
  state_ = State::kDown;
  ++connection_;
  if (waiting_.empty()) return;
  scheduler_.Post(lifetime_.While([this] { Connect(); }));
}

void McpClient::Fail(const std::string& why) {
  std::vector<Ready> waiting = std::exchange(waiting_, {});
  Reset();
  Log(LogLevel::kWarning, "mcp.unavailable",
      {{LogField::kAddress, options_.name}, {LogField::kError, why}});
  const absl::Status status = absl::UnavailableError(why);
  for (Ready& ready : waiting) ready(status);
}

void McpClient::OnDown(const std::string& why) {
  // Many programs of the handshake end at whatever else comes first. One that does not get ready by
  // the handshake either is asked again.
  if (up_ && state_ != State::kReady) is_old_ = asked_era_;
  up_ = false;
  // Callers that wait go on waiting: the next program may be ready in time.
  Reset();
  Log(LogLevel::kWarning, "mcp.down",
      {{LogField::kAddress, options_.name}, {LogField::kError, why}});
}

}  // namespace onetake
