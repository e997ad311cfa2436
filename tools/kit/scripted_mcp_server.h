#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/json/json.h"
#include "tools/kit/scripted_downstream.h"

namespace onetake {

// An MCP server of 2026-07-28, over Streamable HTTP on a free port of 127.0.0.1. It offers one tool
// and does to each call of it what the script says. Thread-safe.
class ScriptedMcpServer {
 public:
  using Step = ScriptedDownstream::Step;
  // Makes what one call gets out of its JSON-RPC request.
  using Reply = std::function<Step(const Json& request)>;

  static Reply Result(Json result);                      // of the tool, in a JSON body
  static Reply Error(int64_t code);                      // of JSON-RPC
  static Reply Progress(std::string text, Json result);  // 1 of 2, then the result: an event stream
  static Reply BrokenStream();   // an event stream that ends without an answer
  static Reply Just(Step step);  // below JSON-RPC

  // `tool` is its definition in tools/list, `result` what a call gets for which the script has
  // nothing. UNAVAILABLE when there is no port.
  static absl::StatusOr<std::unique_ptr<ScriptedMcpServer>> Start(Json tool, Json result);

  std::string url() const { return downstream_->origin() + "/mcp"; }
  // Sets what the next calls get. Forgets what came before.
  void Script(std::vector<Reply> replies);
  // The JSON-RPC requests of tools/call since Script(), in order.
  std::vector<Json> calls() const;
  // Whether notifications/cancelled came since Script(), waiting up to `patience`.
  bool Cancelled(absl::Duration patience) const;
  // All requests that came since Script(), of whatever method.
  std::vector<ScriptedDownstream::Request> requests() const { return downstream_->requests(); }
  // As ScriptedDownstream::PeerLeft().
  bool PeerLeft(absl::Duration patience) const { return downstream_->PeerLeft(patience); }

 private:
  ScriptedMcpServer(Json tool, Json result) : tool_(std::move(tool)), result_(std::move(result)) {}
  Step Answer(const ScriptedDownstream::Request& request);
  Step Call(Json request);

  const Json tool_;
  const Json result_;
  mutable absl::Mutex mutex_;
  std::deque<Reply> replies_ ABSL_GUARDED_BY(mutex_);
  std::vector<Json> calls_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<ScriptedDownstream> downstream_;  // last: its threads use what is above
};

}  // namespace onetake
