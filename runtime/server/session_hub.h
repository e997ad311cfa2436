#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/server/call_limits.h"
#include "runtime/server/current_tools.h"
#include "runtime/server/session_stream.h"
#include "runtime/server/stream_limits.h"
#include "runtime/server/unread_answers.h"

namespace onetake {

// The open conversations: brings every outcome to the stream of its session. Owned by the loop.
class SessionHub {
 public:
  struct Options {
    const CurrentTools& tools;
    CallLimits& limits;
    StreamLimits& streams;
    UnreadAnswers& unread;
  };
  // Listens to the engine's outcomes. What it is given must outlive the hub.
  SessionHub(Options options, Engine& engine, LedgerQueries& queries, Scheduler& loop);

  // A peer has connected and said nothing yet. The stream is ended with UNAVAILABLE when the server
  // stops, or with RESOURCE_EXHAUSTED, as StreamLimits says, when there are too many.
  std::shared_ptr<SessionStream> Connect(SessionStream::Caller caller,
                                         SessionStream::Writer& writer);
  // Ends the streams of callers that may execute no more.
  void CheckCallers();
  // Ends all streams with UNAVAILABLE, and those that connect later.
  void EndAll();

  // How many streams are open.
  size_t count() const { return streams_.size() + nameless_.size(); }

  // Called by the streams.
  void Enter(const std::string& session_id, const std::shared_ptr<SessionStream>& stream);
  void Leave(const std::string& session_id, const SessionStream* stream);
  // The stream was told that this intent is open; it wants the outcome, whosever session it is.
  void Expect(const std::string& intent_id, const std::shared_ptr<SessionStream>& stream);
  const Options& options() const { return options_; }
  Engine& engine() { return engine_; }
  LedgerQueries& queries() { return queries_; }
  Scheduler& loop() { return loop_; }

 private:
  void OnSettled(const IntentRecord& record, const Answer& answer);

  const Options options_;
  Engine& engine_;
  LedgerQueries& queries_;
  Scheduler& loop_;
  bool ending_ = false;
  // The newest stream of each session.
  using Name = std::pair<std::string, std::string>;  // tenant, session
  absl::flat_hash_map<Name, std::shared_ptr<SessionStream>> streams_;
  absl::flat_hash_map<std::string, std::vector<std::weak_ptr<SessionStream>>> expecting_;
  // The streams that have not said which session they are.
  absl::flat_hash_map<const SessionStream*, std::weak_ptr<SessionStream>> nameless_;
};

}  // namespace onetake
