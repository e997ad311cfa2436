#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "runtime/engine/engine.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "tests/sim/downstream.h"
#include "tests/sim/dump.h"
#include "tests/sim/sim_tool.h"
#include "tests/sim/world.h"

namespace onetake::sim {

// Something that a caller wants to have done once.
struct Wish {
  int id = 0;
  std::string tenant, session;
  Nature nature = Nature::kNone;
  int slot = 0;
  std::string provider, patient;
  int occurrence = 0;
  int booked = 0;  // the appointment that was told
  int undone = 0;  // the one that was told to be cancelled, last
  // When it was last said that it is wanted; and that it is not, in the last cancellation that was
  // told to be done.
  absl::Duration wanted_at = -absl::InfiniteDuration();
  absl::Duration unwanted_at = -absl::InfiniteDuration();
  // When it was told that the booking is cancelled, last.
  absl::Duration cancel_told_at = -absl::InfiniteDuration();
};

// One call as its caller knows it: the first of the three records that are held against each other.
struct Said {
  int wish = 0;
  uint64_t life = 0;  // of the onetaked that took it; 0: none did
  std::string tenant, session, tool, tool_call_id, turn;
  std::string trace;  // of this delivery, and of what is sent for it; empty: of an Await
  int slot = 0;
  std::string patient, provider;
  int appointment = 0;           // of a cancellation; of a look-up, what it must show
  int undone = 0;                // of a look-up, what it must not show
  absl::Duration first_said_at;  // that this tool_call_id was used
  absl::Duration sent_at;
  bool answered = false;
};

// Whether a look-up, which found nothing any more, is believed of a booking that its caller has
// found by a look of their own and cancelled while it was in doubt. The ledger, which has no result
// of it, cannot know.
inline bool WasTakenBackUnseen(const Downstream::Effect& booking, const std::string& reason) {
  return booking.undone_at.has_value() && reason == "R3.probe_not_applied";
}

// What was told, and whether it was right: when it is told, by the truth of that moment, and at the
// end, by the ledger's file.
class History {
 public:
  History(World& world, Downstream& downstream) : world_(world), downstream_(downstream) {}

  std::deque<Wish>& wishes() { return wishes_; }
  // A onetaked that runs gets it.
  void OnDelivered(const Said& said);
  void OnAnswer(const Said& said, const Answer& answer);
  void OnStatus(const Said& said, const absl::Status& status);
  // A person says that this write did not happen, and may be wrong: what is told of it then is
  // their doing.
  void OnDenied(const std::string& key, int wish);
  // Told to whoever listens to the conversation.
  void OnPush(const IntentRecord& record, const Answer& answer, uint64_t life);
  void OnErased(const std::string& tenant, const std::string& session, const ErasureResult& result);

  // When nothing is under way any more.
  void CheckLedger(const Dump& dump);
  // What was sent is what is recorded of it, and no more than may be.
  void CheckAttempts(const Dump& dump, const SentLog& log);
  // R9: whoever was told that it is not known yet is told how it ended, unless this life ended
  // first.
  void CheckPushes(const Dump& dump, uint64_t life);
  // Counts what has happened to the intents of a run.
  void CountEvents(const Dump& dump);
  // From here on the ledger is an older one, which has forgotten: what was told before is no
  // promise of it, and what was undone since it does not know.
  void OnRestored();
  void CheckRestored(const Dump& dump);
  // Of one ledger, `before` the other.
  void CheckKept(const Dump& before, const Dump& after);

 private:
  struct Told {
    std::string tenant, intent_id;
    bool done = false, rejected = false;
    std::string result;
  };
  struct Outcome {
    std::string key;
    uint64_t life = 0;    // of the onetaked that told it
    bool opened = false;  // by this call the write was claimed
  };
  const Outcome* FindOutcome(const Said& said) const;
  void MustDoNothing(const Said& said, absl::string_view because);
  void CheckNothingDone(const std::string& trace);
  void CheckRefusal(const Said& said, const Answer& answer);
  void CheckConflict(const Said& said, const Answer& answer);
  void CheckSameDelivery(const Said& said, const Answer& answer);
  void CheckRejected(const Said& said, const Answer& answer);
  void CheckDone(const Said& said, const Answer& answer);
  enum class Undone { kSaid, kNotSaid };
  void CheckBooked(const Said& said, const Downstream::Effect& effect, Undone undone);
  void CheckCancelled(const Said& said, const Answer& answer);
  void CheckTenant(const Said& said, const Answer& answer);
  void CheckSession(const Said& said, const Answer& answer);
  void CheckLookUp(const Said& said, const Answer& answer);
  void CheckFile(const Dump& dump);
  void CheckSettled(const Dump& dump);
  void CheckEvents(const Dump& dump);
  void CheckReviews(const Dump& dump);
  void CheckIntents(const Dump& dump);
  void CheckGenerations(const Dump& dump);
  void CheckEffect(const Dump& dump, const Dump::Intent& intent);
  void CheckWishes();
  void CheckReversals(const Dump& dump);
  void CheckTold(const Dump& dump);
  void CheckErased(const Dump& dump);

  World& world_;
  Downstream& downstream_;
  std::deque<Wish> wishes_;
  bool restored_ = false;
  std::map<std::string, Told> told_;  // by key
  // By key, the life in which nothing but that it is not known yet has been told of it.
  std::map<std::string, uint64_t> open_;
  std::map<std::string, uint64_t> ended_;  // and more than that
  std::set<std::string> denied_;           // keys
  std::set<int> misled_;                   // wishes
  // By the trace of what nothing may be done for, why that is so.
  std::map<std::string, std::string> refused_;
  // By tenant, session and tool_call_id, the outcome that was told first.
  std::map<std::tuple<std::string, std::string, std::string>, Outcome> outcomes_;
  // How many generations were told to be erased, by tenant and session.
  std::map<std::pair<std::string, std::string>, int64_t> erased_;
};

}  // namespace onetake::sim
