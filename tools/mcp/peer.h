#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"
#include "tools/mcp/era.h"
#include "tools/mcp/transport.h"

namespace onetake {

// How a server is spoken to.
struct McpDialect {
  McpEra era = McpEra::kModern;
  std::string version;  // empty: the handshake is not over
  std::string session;  // the handshake's, over HTTP; empty: the server keeps none
  Json capabilities;    // what we declare; an object
};

// JSON-RPC with one server: numbers requests, finds the answers, answers pings (16 at a time; more
// are dropped), and puts on each message what its era wants. Owned by the loop.
class McpPeer {
 public:
  struct Request {
    std::string method;
    Json params = Json::object();
    HeaderList headers = {};  // besides the protocol's own
    absl::Duration timeout;
    TransportResend resend = TransportResend::kAllowed;
    McpTransport::Outgoing::Stream stream = McpTransport::Outgoing::Stream::kOnce;
    // How long a stream may live on after `timeout`, because closing it would be a cancellation.
    absl::Duration linger = absl::ZeroDuration();
    std::function<void(const AttemptProgress&)> on_progress = {};
  };
  struct Answer {
    enum class Kind {
      kResult,
      kError,    // a JSON-RPC error, by whatever HTTP status
      kEnded,    // the exchange is over without one
      kTimeout,  // of this request; it may have been heard
    };
    Kind kind = Kind::kEnded;
    Json body;                // of kResult and kError
    McpTransport::End end;    // for kEnded, and kError by an HTTP status; `resent` for all
    std::string session;      // what Mcp-Session-Id said
    bool for_nobody = false;  // kError: it names no request
    bool for_us = false;      // kError: it names this one, so whatever answered has read it
  };
  using Done = absl::AnyInvocable<void(Answer)>;
  struct Events {
    std::function<void()> on_up;
    std::function<void(const std::string&)> on_down;
    std::function<void()> on_tools_changed;
  };

  McpPeer(Scheduler& scheduler, std::unique_ptr<McpTransport> transport);
  ~McpPeer();

  void Begin(Events events);
  void Speak(McpDialect dialect) { dialect_ = std::move(dialect); }
  const McpDialect& dialect() const { return dialect_; }

  // Sends a request. `done` runs once, never inside Ask().
  int64_t Ask(Request request, Done done);
  void Notify(absl::string_view method, Json params);
  // Forgets a request: its `done` is not called. False, with kLeave alone: no byte of it was sent
  // or will be.
  enum class Wire {
    kLeave,   // the server is told nothing
    kCancel,  // it is told that nobody waits, in the way of its era
  };
  bool Forget(int64_t id, Wire wire);
  // Listens to the server's own stream, while it has one. Only for the handshake over HTTP.
  void Listen();

 private:
  struct Pending {
    Done done;
    uint64_t exchange = 0;
    bool lingers = false;
    Scheduler::TimerId timer = Scheduler::TimerId::kNone;
    std::function<void(const AttemptProgress&)> on_progress;
  };

  void OnMessage(RpcMessage message, const std::string& session);
  void OnNotification(const RpcMessage& message);
  void OnEnd(int64_t id, McpTransport::End end);
  void Finish(int64_t id, Answer answer);
  void Reply(std::string body);
  HeaderList Headers(const std::string& method, const Json& params) const;

  Scheduler& scheduler_;
  const std::unique_ptr<McpTransport> transport_;
  Events events_;
  McpDialect dialect_;
  int64_t next_ = 0;
  int replies_ = 0;  // under way
  uint64_t listening_ = 0;
  absl::flat_hash_map<int64_t, Pending> pending_;
};

}  // namespace onetake
