#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/engine/context.h"

namespace onetake {

struct ReadFlight;

// A valid call of a READ on its way to an answer.
struct ReadCall {
  ToolCall call;
  std::shared_ptr<const Tool> tool;
  Json arguments;
  CallRecord record;
  AnswerCallback done;
  absl::Duration arrived = absl::ZeroDuration();
  absl::Duration deadline = absl::ZeroDuration();  // Elapsed() when patience ends

  std::string request;                 // rendered
  std::shared_ptr<ReadFlight> flight;  // while it waits for one
  bool joined = false;                 // the request was another call's
  bool overdue = false;                // its patience has ended
  Scheduler::TimerId patience = Scheduler::TimerId::kNone;
};
using ReadPtr = std::shared_ptr<ReadCall>;

// One request of READs to a downstream and the calls that wait for it: sent again after a failure,
// a second time beside the first when the tool is hedged and the first is slow.
struct ReadFlight {
  struct Attempt {
    enum class Role { kFirst, kHedge };
    uint64_t number = 0;
    AttemptId id{};
    Role role = Role::kFirst;
    absl::Duration sent_at = absl::ZeroDuration();
    std::shared_ptr<DownstreamSlot> slot;
    bool cancelled = false;  // its report is still to come
    // How long we waited for it, when that says something about the downstream.
    std::optional<absl::Duration> waited;
  };

  std::string key;
  std::shared_ptr<const Tool> tool;
  std::string request;
  std::optional<TraceContext> trace;  // of the first passenger
  std::vector<ReadPtr> passengers;    // in the order they came; empty: the flight is over
  std::vector<Attempt> attempts;      // whose report is still to come
  uint64_t sent = 0;                  // dispatches begun, hedges included
  absl::Duration round_began = absl::ZeroDuration();
  absl::Duration downstream_latency = absl::ZeroDuration();
  Scheduler::TimerId backoff = Scheduler::TimerId::kNone;
  Scheduler::TimerId hedge = Scheduler::TimerId::kNone;
};
using FlightPtr = std::shared_ptr<ReadFlight>;

// Single-flight for READs: calls of one tenant that would send the same bytes share a request. A
// call does not join a request that began before a write at the same downstream ended, or the
// writer would be told what was true before its write; nor one that is slower than most already.
// Owned by the loop.
class ReadFlights {
 public:
  // Called once for each passenger that has not left, in the order they boarded.
  using OnAnswer = std::function<void(const ReadPtr&, Answer)>;
  ReadFlights(EngineContext& context, OnAnswer on_answer);

  // Joins a flight or begins one. May answer at once.
  void Board(const ReadPtr& read);
  // This one waits no longer, and gets no answer. The others do not notice; the last one cancels
  // the request.
  void Leave(const ReadPtr& read);
  // How much of the call's time so far its request took; zero without a request.
  absl::Duration DownstreamLatency(const ReadCall& read) const;

 private:
  std::string KeyOf(const ReadCall& read) const;
  bool TakesMore(const ReadFlight& flight) const;
  void Send(const FlightPtr& flight);
  void Dispatch(const FlightPtr& flight, ReadFlight::Attempt::Role role,
                std::shared_ptr<DownstreamSlot> slot);
  void ScheduleHedge(const FlightPtr& flight);
  void Hedge(const FlightPtr& flight);
  void OnReport(const FlightPtr& flight, uint64_t number, AttemptReport report);
  void OnCancelled(const ReadFlight& flight, const ReadFlight::Attempt& attempt,
                   const AttemptReport& report);
  void OnFailure(const FlightPtr& flight, AttemptReport report);
  // Cancels what is still in flight. kCounts: the time that we waited is a sample.
  enum class Waited { kCounts, kSaysNothing };
  void CancelAttempts(ReadFlight& flight, Waited waited);
  void StopTimers(ReadFlight& flight);
  void SendAgain(const FlightPtr& flight, absl::Duration when);
  void End(const FlightPtr& flight, const Answer& answer);
  void AnswerAll(const std::vector<ReadPtr>& reads, const Answer& answer);

  EngineContext& context_;
  const OnAnswer on_answer_;
  absl::flat_hash_map<std::string, FlightPtr> flights_;  // those that take more passengers, by key
};

}  // namespace onetake
