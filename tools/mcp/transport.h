#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/engine/tool_executor.h"
#include "tools/mcp/json_rpc.h"
#include "tools/mcp/tool_headers.h"

namespace onetake {

// Carries JSON-RPC messages to one server and back; knows nothing of what they mean. Nothing is
// sent twice except what `resend` allows. Owned by the loop.
class McpTransport {
 public:
  struct Outgoing {
    std::string body;    // one JSON-RPC message
    int64_t id = 0;      // a request's own number; 0: a notification or an answer
    HeaderList headers;  // over HTTP only
    absl::Duration timeout;
    // How long somebody waits for the answer: what can only come later is not asked for any more.
    absl::Duration waited_for = absl::InfiniteDuration();
    TransportResend resend = TransportResend::kForbidden;
    // kResume: an event stream that breaks off is taken up again by its last event's id, which
    // sends nothing again. kListen: not a message at all, but the server's own stream (GET).
    enum class Stream { kOnce, kResume, kListen } stream = Stream::kOnce;
  };
  // How an exchange ended. Its answer, if there was one, came by `on_message` before.
  struct End {
    bool begun = false;   // a byte of it may have reached the server
    bool resent = false;  // more than once, as `resend` allows: the HTTP status is the last one's
    bool timed_out = false;
    int http_status = 0;    // the message's; 0 once its stream had to be taken up again
    int stream_status = 0;  // the last request's to take it up; says nothing of the message
    std::optional<RpcMessage> refusal;  // the JSON-RPC error that came with http_status >= 400
    std::optional<absl::Duration> retry_after;
    std::string error;  // short, for records
  };
  struct Events {
    // A message of the server has come. `session` is what its Mcp-Session-Id header said, or empty.
    std::function<void(RpcMessage, const std::string& session)> on_message;
    // There is a server to speak to: a program runs. Told once at the start too.
    std::function<void()> on_up;
    // The server is gone, and with it all that it knew; ends of exchanges follow.
    std::function<void(const std::string& why)> on_down;
  };
  using OnEnd = absl::AnyInvocable<void(End)>;

  virtual ~McpTransport() = default;
  // Call it once, before anything else. Events may be called from then on, never inside a call of
  // ours.
  virtual void Begin(Events events) = 0;
  // Sends a message. `on_end` runs once, never inside Send() or Close().
  virtual uint64_t Send(Outgoing message, OnEnd on_end) = 0;
  // Ends an exchange that nobody waits for any more; on_end is not called. Over HTTP its stream is
  // closed.
  virtual void Close(uint64_t id) = 0;
  // Leaves an exchange that nobody waits for, without the server's notice: over HTTP its stream
  // stays open as long as its timeout says. on_end may still be called. False: no byte of it has
  // been sent, and now none will be; on_end is not called.
  virtual bool Leave(uint64_t id) = 0;
  // What End::resent will say of an exchange that has not ended, as far as it is known.
  virtual bool Resent(uint64_t) const { return false; }
};

}  // namespace onetake
