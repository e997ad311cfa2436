#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "runtime/engine/admission.h"

namespace onetake {

// Takes up what a crash or a stop left UNKNOWN, page by page and a few at a time for each
// downstream, so that a restart is not an attack on it (R12). A downstream that is slow or away
// holds up its own intents only. Owned by the loop.
class Recovery {
 public:
  Recovery(EngineContext& context, Admission& admission);

  void Start();
  void Stop();
  // The tools have changed: what was left because its tool was missing is taken up when it is back.
  void OnTools();
  // A live intent is gone; its downstream may get the next one.
  void OnGone(const LiveIntent& live);
  // An intent is settled by somebody who did not wait for its turn.
  void Forget(int64_t row);
  // A live intent has nothing to do but wait for its time; its downstream may get the next one.
  void Park(LiveIntent& live);
  // The time of a parked intent has come: runs `then` once there is a place for the intent again,
  // unless it has ended before.
  void Unpark(const LiveIntentPtr& live, Task then);

 private:
  struct Waiting {
    IntentRecord record;
    KnownTool known;
  };
  struct Woken {
    LiveIntentPtr live;
    Task then;
  };
  struct Lane {
    std::deque<Waiting> waiting;  // read, and not taken up yet
    std::deque<Woken> woken;      // parked, and due
    int running = 0;
    size_t parked = 0;       // how many are parked, those that are due included
    std::set<int64_t> jobs;  // of them, the rows that wait for a job
    bool woke_last = false;
    int64_t read_to = 0;              // the last row that was kept for it
    bool reading = false;             // the round that is under way is for it, too
    bool behind = false;              // rows behind `read_to` are left for another round
    std::optional<int64_t> left_job;  // the first row that is left because so many wait for a job
  };

  void Step();
  void StepSoon();
  void StepLater();
  // Reads one page. False when there is nothing to read, or it cannot be read now.
  bool Read();
  bool BeginRound();
  void Keep(IntentRecord record);
  static bool HasRoomForJob(const Lane& lane);
  static void NoLongerParked(Lane& lane, const LiveIntent& live);
  void Pump(Lane& lane);
  void Begin(Lane& lane);
  void Wake(Lane& lane);
  Lane& LaneOf(const Tool& tool);

  EngineContext& context_;
  Admission& admission_;
  std::map<std::string, Lane> lanes_;  // by downstream
  // The first round goes through all that is unsettled. What a lane had no room for is read by a
  // later round, which serves only such lanes.
  bool first_round_ = true;
  bool round_over_ = false;
  int64_t last_row_ = 0;  // the last row read in this round
  int64_t seen_to_ = 0;   // the last row seen in any round
  bool active_ = false;
  bool steps_soon_ = false;
  bool steps_later_ = false;
  std::set<std::string> missing_;  // tools of intents that were passed over
};

}  // namespace onetake
