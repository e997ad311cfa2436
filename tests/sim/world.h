#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tests/sim/chance.h"
#include "tests/sim/faults.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/trace.h"

namespace onetake::sim {

// How much a run went through.
struct Tally {
  int64_t runs = 0, conversations = 0, calls = 0, intents = 0, effects = 0, attempts = 0;
  int64_t steps = 0, checks = 0;
  std::map<std::string, int64_t> faults;        // by kind
  std::map<std::string, int64_t> dispositions;  // of answers
  std::map<std::string, int64_t> moves;         // of intents
  std::map<std::string, int64_t> events;        // of the ledger, by kind
  std::map<std::string, int64_t> reviews;       // what was left to a person, by rule
  absl::Duration simulated = absl::ZeroDuration();

  void Add(const Tally& other);
  std::string Text() const;
};

// What all parts of a run share.
struct World {
  World(uint64_t seed, Trace::Print print)
      : faults(Faults::Of(seed)),
        calm(faults.Text() == "none"),
        chance(seed, 2),
        trace(loop, print) {}

  // A promise was broken. The first one counts, and ends the run.
  template <typename... Parts>
  void Fail(const Parts&... parts) {
    if (!failure.empty()) return;
    failure = absl::StrCat(parts...);
    failed_step = loop.steps();
    trace.Note("VIOLATION ", failure);
  }
  void Hit(const std::string& fault) { ++tally.faults[fault]; }

  SimLoop loop;
  Faults faults;
  const bool calm;  // nothing goes wrong in this run
  Chance chance;    // of whoever has no stream of its own
  Trace trace;
  Tally tally;
  // The wall clock was set back by so much in all. The promise of a key's memory is in its time, so
  // an API remembers for that much longer.
  absl::Duration set_back = absl::ZeroDuration();
  // Somebody gives a verdict about the write with this key, which has just been sent again.
  std::function<void(const std::string& key)> judge;
  int64_t deliveries = 0;      // of calls, by which each of them is known
  bool disk_was_full = false;  // once
  std::string failure;
  int64_t failed_step = 0;
};

}  // namespace onetake::sim
