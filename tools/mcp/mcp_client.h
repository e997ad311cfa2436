#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"
#include "runtime/base/lifetime.h"
#include "tools/mcp/mcp_outcome.h"
#include "tools/mcp/mcp_spec.h"
#include "tools/mcp/peer.h"

namespace onetake {

// One MCP server: finds out how to speak to it, keeps its list of tools, calls them. It connects by
// itself, and again after a loss; a call that comes meanwhile waits as long as its own time allows.
// Nothing is sent twice: the caller is told what became of a call, and decides. Owned by the loop.
class McpClient {
 public:
  struct Options {
    std::string name;  // for the log
    McpServerSpec::Kind transport = McpServerSpec::Kind::kHttp;
    McpServerSpec::Era era = McpServerSpec::Era::kAuto;
    // What we declare besides the tasks extension, which this class itself deals with.
    Json capabilities = Json::object();
  };
  struct Call {
    std::string tool;
    Json arguments = Json::object();
    Json meta = Json::object();
    std::string traceparent;  // W3C Trace Context; may be empty
    std::string reviewed;     // digest that the tool's definition must have; empty: any
    Effect effect = Effect::kWrite;
    TransportResend resend = TransportResend::kForbidden;
    absl::Duration timeout;
    std::function<void(const AttemptProgress&)> on_progress = {};
    // Set to go on with a call that ended in kInputRequired.
    Json input_responses = {};  // absent when null
    Json request_state = {};
  };
  using Done = absl::AnyInvocable<void(McpOutcome)>;
  using Tools = std::map<std::string, Json>;
  using ToolsDone = absl::AnyInvocable<void(absl::StatusOr<Tools>)>;

  McpClient(Scheduler& scheduler, const Clock& clock, std::unique_ptr<McpTransport> transport,
            Options options);

  // Starts a call. `done` runs once, never inside Start() or Cancel().
  uint64_t Start(Call call, Done done);
  // Ends a call for its caller. The server is told of it, but not for a WRITE. Ended ids are
  // ignored.
  void Cancel(uint64_t id);
  // Returns all definitions of tools/list. UNAVAILABLE when the server cannot be reached in time.
  void ListTools(absl::Duration timeout, ToolsDone done);
  // Whether it gets ready to be called by itself: its program starts, or it is being asked how to
  // speak to it. A server that nobody has called since it was lost does not.
  bool GetsReady() const { return !up_ || state_ == State::kConnecting; }
  const McpDialect& dialect() const { return peer_.dialect(); }

 private:
  enum class State { kDown, kConnecting, kReady };
  using Ready = absl::AnyInvocable<void(const absl::Status&)>;
  struct Offered {
    Json definition;
    std::string digest;
    absl::StatusOr<std::vector<ToolHeader>> headers;
  };
  struct Running {
    Call call;
    Done done;
    Scheduler::TimerId timer = Scheduler::TimerId::kNone;
    bool sent = false;
    uint64_t connection = 0;  // the one it was sent over, a value of connection_
    bool in_session = false;  // whether that connection had a session
    bool resent = false;      // sent more than once by the transport
    int64_t rpc = 0;          // the request waited for; 0: none
    std::string task;         // the server's name for it
    std::string said;         // words of the task's last status
  };

  // Getting ready, in mcp_connect.cc.
  void WhenReady(Ready ready);
  void Connect();
  void SpeakModern();
  void Discover(int number);
  void Initialise();
  void OnInitialised(McpPeer::Answer answer);
  void OnNotInitialised(const McpPeer::Answer& answer, const std::string& why);
  void ListAgain();
  void ListPage(std::string cursor, int page);
  void OnPage(McpPeer::Answer answer, int page);
  void BecomeReady();
  void Fail(const std::string& why);
  void OnDown(const std::string& why);
  // Forgets what was known of the server: whoever waits for it, or else the next call, connects
  // anew.
  void Reset();
  bool IsStale() const;
  void AskToConnect(McpPeer::Request request, McpPeer::Done done);

  // Calls, in mcp_client.cc.
  void Dispatch(uint64_t id);
  void Send(uint64_t id, Running& running, const Offered& tool);
  void OnAnswer(uint64_t id, McpPeer::Answer answer);
  void OnResult(uint64_t id, Json result);
  void OnFailure(uint64_t id, McpPeer::Answer answer);
  // Whether the server forgot our session, or says so of a request that it could not even identify.
  static bool SessionIsOver(const McpPeer::Answer& answer);
  void OnTimeout(uint64_t id);
  // Leaves a call; returns whether the server may have heard of it.
  bool Abandon(Running& running);
  void Finish(uint64_t id, McpOutcome outcome);

  // Tasks, in mcp_tasks.cc.
  void FollowTask(uint64_t id, const Json& task);
  void PollLater(uint64_t id, const Json& task);
  void Poll(uint64_t id);
  void OnTask(uint64_t id, const McpPeer::Answer& answer);

  Scheduler& scheduler_;
  const Clock& clock_;
  const Options options_;
  McpPeer peer_;
  bool up_ = false;
  State state_ = State::kDown;
  // Over stdio, in era auto: whether the program that runs was asked by `server/discover`, and
  // whether `initialize` is what to begin with, by what became of it or of the one before.
  bool asked_era_ = false;
  bool is_old_ = false;
  uint64_t connection_ = 0;  // how often what is known of the server was forgotten
  int64_t connecting_ = 0;   // the request that getting ready waits for
  bool listing_ = false;
  bool changed_ = false;  // the server says so, since the last list was asked for
  Scheduler::TimerId list_timer_ = Scheduler::TimerId::kNone;  // until it is asked for again
  std::vector<Json> page_;                                     // tools of the pages so far
  size_t page_bytes_ = 0;
  std::map<std::string, Offered> tools_;
  absl::Duration list_asked_at_ = -absl::InfiniteDuration();
  absl::Duration listed_at_ = absl::ZeroDuration();
  absl::Duration fresh_for_ = absl::ZeroDuration();
  std::vector<Ready> waiting_;
  uint64_t next_ = 0;
  absl::flat_hash_map<uint64_t, Running> running_;
  std::map<std::string, std::string> warned_;  // digests that were logged, by tool
  Lifetime lifetime_;
};

}  // namespace onetake
