#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/access/principal.h"
#include "runtime/base/clock.h"
#include "runtime/base/limits.h"
#include "runtime/engine/engine.h"
#include "runtime/server/settled_feed.h"
#include "runtime/server/stream_limits.h"

namespace onetake {

class SessionHub;

// One stream of ToolRuntime.Session, without gRPC: what a peer says comes in; what it is told goes
// to a writer. Adds no rule to those of the engine. Owned by the loop.
class SessionStream : public std::enable_shared_from_this<SessionStream>,
                      private SettledFeed::Listener {
 public:
  static constexpr size_t kMostRequests = 64;
  // The most requests that may come before the ledger has said where the stream begins; more of
  // them end it.
  static constexpr size_t kMostEarly = 2 * kMostRequests;
  static constexpr size_t kMostEarlyBytes = 2 * limits::kMessageBytes;
  static constexpr absl::Duration kFirstMessage = absl::Seconds(5);
  // The pause between two events of a tool's own progress; if more come meanwhile, the last one is
  // told.
  static constexpr absl::Duration kProgressPause = absl::Milliseconds(250);

  class Writer {
   public:
    virtual ~Writer() = default;
    // False: the peer reads too slowly, and the event was not taken.
    virtual bool Send(const v1::SessionEvent& event) = 0;
    // Ends the stream after what was sent; once.
    virtual void End(absl::Status status) = 0;
  };

  // The caller at the other end.
  struct Caller {
    Principal principal;
    // Whether it may still execute; asked at each request. May be empty.
    std::function<absl::Status()> still_allowed;
    std::optional<TraceContext> trace;  // for calls that name none
  };

  // `writer` is used until OnClosed().
  SessionStream(SessionHub& hub, Caller caller, Writer& writer);

  const std::string& tenant() const { return caller_.principal.tenant; }

  // The first message must come within kFirstMessage. `place` is kept until the stream ends.
  void AwaitOpen(StreamLimits::Place place);
  void OnRequest(const v1::SessionRequest& request);
  // A message that cannot be parsed has come: what it was about is not known.
  void OnMalformed();
  // The peer will ask for nothing more: the stream ends, OK, once every request has its result and
  // what settled before is told.
  void OnHalfClosed();
  // The peer is gone: its writes go on.
  void OnClosed();

  // The engine has recorded an outcome, of whatever session.
  void OnSettled(const IntentRecord& record, const Answer& answer);
  // Ends the stream if the caller may execute no more, with the reason.
  void CheckCaller();
  void EndTakenOver();
  void EndDraining();
  void EndOverloaded(const absl::Status& why);

 private:
  struct Request {
    std::string turn_id;
    std::string tool;
    std::shared_ptr<const Tool> called;  // as the tool was then; nullptr: there was none
    std::string language;
    bool discarded = false;
    Scheduler::TimerId filler = Scheduler::TimerId::kNone;
    Scheduler::TimerId pause = Scheduler::TimerId::kNone;  // between progress events
    std::optional<AttemptProgress> progress;               // waits for the end of the pause
  };
  // The last request of a turn that told the peer that an intent is open.
  struct Wanting {
    std::string request_id;
    std::string turn_id;
    bool discarded = false;
  };
  using AllWanting = std::vector<Wanting>;  // the last one to ask comes last

  // `request` is nullptr for a message that cannot be parsed.
  void Keep(const v1::SessionRequest* request);
  void OnOpen(const v1::SessionOpen& open);
  void OnExecute(const v1::SessionExecute& execute);
  void AddRequest(const std::string& request_id, const ToolCall& call, const std::string& language);
  // Lets the peer hear how the call goes on until it has its result.
  void Follow(const std::string& request_id, ToolCall& call);
  void OnBargeIn(const v1::BargeIn& barge_in);
  absl::Status CheckBargeIn(const v1::BargeIn& barge_in);
  absl::Status CheckExecute(const v1::SessionExecute& execute) const;
  void OnAnswer(const std::string& request_id, absl::StatusOr<Answer> answer);
  void NoteOpen(const std::string& intent_id, Wanting wanting);
  // Finds whose outcome it is: of those who want it still the last, or of all; nullptr: nobody's.
  const Wanting* FindWanting(const std::string& intent_id) const;
  void EndIfDone();
  void SendFiller(const std::string& request_id);
  void OnProgress(const std::string& request_id, const AttemptProgress& progress);
  void SendProgress(const std::string& request_id, const AttemptProgress& progress);

  void OnPosition(int64_t seq) override;
  void OnOutcome(SettledFeed::Outcome outcome) override;
  void OnResult(v1::SessionEvent result) override;
  bool Awaits(const std::string& intent_id) const override { return open_.contains(intent_id); }
  void OnLive() override { EndIfDone(); }
  void OnFailed(absl::Status why) override { End(std::move(why)); }

  void SendError(const std::string& request_id, const absl::Status& status);
  void Send(v1::SessionEvent event);
  void End(absl::Status status);

  SessionHub& hub_;
  const Caller caller_;
  StreamLimits::Place place_;
  Writer* writer_;  // nullptr: ended, or the peer is gone
  std::string session_id_;
  std::string language_;
  Scheduler::TimerId first_message_ = Scheduler::TimerId::kNone;
  bool opened_ = false;
  bool begun_ = false;  // the stream's position is known and told
  // What was asked before the stream began, in order: nothing of it may be told before `opened`,
  // nor settle before the position, because it would not be told from there on.
  std::vector<std::optional<v1::SessionRequest>> early_;
  size_t early_bytes_ = 0;
  int barge_ins_ = 0;  // within this second
  bool half_closed_ = false;
  std::map<std::string, Request> requests_;  // those without a result
  std::map<std::string, AllWanting> open_;   // by intent id; none is empty
  SettledFeed feed_;
};

}  // namespace onetake
