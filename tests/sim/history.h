#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "runtime/engine/engine.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "tests/sim/downstream.h"
#include "tests/sim/dump.h"
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
  // When it was told that the booking is cancelled, last.
  absl::Duration cancel_told_at = -absl::InfiniteDuration();
};

// One call as its caller knows it: the first of the three records that are held against each other.
struct Said {
  int wish = 0;
  uint64_t life = 0;  // of the onetaked that took it; 0: none did
  std::string tenant, session, tool, tool_call_id, turn;
  int slot = 0;
  std::string patient, provider;
  int appointment = 0;           // of a cancellation; of a look-up, what it must show
  int undone = 0;                // of a look-up, what it must not show
  absl::Duration first_said_at;  // that this tool_call_id was used
  absl::Duration sent_at;
  bool answered = false;
};

// What was told, and whether it was right: when it is told, by the truth of that moment, and at the
// end, by the ledger's file.
class History {
 public:
  History(World& world, const Downstream& downstream) : world_(world), downstream_(downstream) {}

  std::deque<Wish>& wishes() { return wishes_; }
  void OnAnswer(const Said& said, const Answer& answer);
  void OnErased(const std::string& tenant, const std::string& session, const ErasureResult& result);

  // When nothing is under way any more.
  void CheckLedger(const Dump& dump);
  // From here on the ledger is an older one, which has forgotten: what it tells is no promise that
  // was made before.
  void OnRestored() { restored_ = true; }
  void CheckRestored(const Dump& dump);
  // Of one ledger, `before` the other.
  void CheckKept(const Dump& before, const Dump& after);

 private:
  struct Told {
    std::string tenant, intent_id;
    bool done = false, rejected = false;
    std::string result;
  };
  void CheckDone(const Said& said, const Answer& answer);
  void CheckBooked(const Said& said, const Downstream::Effect& effect);
  void CheckCancelled(const Said& said, const Answer& answer);
  void CheckTenant(const Said& said, const Answer& answer);
  void CheckLookUp(const Said& said, const Answer& answer);
  void CheckFile(const Dump& dump);
  void CheckEvents(const Dump& dump);
  void CheckIntents(const Dump& dump);
  void CheckEffect(const Dump::Intent& intent);
  void CheckReversals(const Dump& dump);
  void CheckTold(const Dump& dump);
  void CheckErased(const Dump& dump);

  World& world_;
  const Downstream& downstream_;
  std::deque<Wish> wishes_;
  bool restored_ = false;
  std::map<std::string, Told> told_;  // by key
  // How many generations were told to be erased, by tenant and session.
  std::map<std::pair<std::string, std::string>, int64_t> erased_;
};

}  // namespace onetake::sim
