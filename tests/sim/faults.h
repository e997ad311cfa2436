#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"
#include "tests/sim/chance.h"

namespace onetake::sim {

// What may go wrong in one run: each seed switches some of it on. Chances are a request, unless
// said otherwise; 0: off.
struct Faults {
  // The downstream and the network before it.
  double not_sent = 0;
  double lost_request = 0;
  double lost_reply = 0;
  double late = 0;          // lands when its sender has given up, or nearly
  double error_before = 0;  // 5xx without an effect
  double error_after = 0;   // 5xx with one
  double throttled = 0;     // 429
  double refused = 0;       // for a reason of the downstream's own
  double garbage = 0;       // 2xx with an unreadable body
  double twice = 0;         // sent again by the transport, where that is allowed
  double slow = 0;          // longer than the caller's patience
  double read_fails = 0;
  double taken_by_others = 0;  // a clerk books a slot that is about to be booked, a wish
  bool unique_slots = false;   // a slot is booked once: "taken", also to its own holder
  bool short_memory = false;   // who cannot be asked forgets keys soon, as declared
  bool eventual = false;       // their look-ups lag behind

  // onetaked and its machine; how many on the average, a run.
  double crashes = 0;
  double power_losses = 0;
  double drains = 0;
  double full_disks = 0;
  double slow_disks = 0;
  double clock_forward = 0;
  double clock_back = 0;
  double reloads = 0;
  double retentions = 0;
  double erasures = 0;
  // A disk operation.
  double write_error = 0;
  double read_error = 0;
  double sync_error = 0;
  bool sealed = false;       // private fields are
  bool checkpoints = false;  // the chain's end is signed now and then
  // The identity of what is cancelled by it is made otherwise by some versions. After a restart a
  // retry is then another intent, as promised; so there is none in such a run.
  bool reidentified = false;
  double hasty = 0;  // a resend: a person settles it before it is answered, by what is there now
  bool reclassified = false;  // in some versions, some writes are READs
  bool older_copy = false;    // at last the ledger is lost, and restored from a copy

  // A seed's own mixture.
  static Faults Of(uint64_t seed);
  // Nothing goes wrong any more; what the APIs are like stays.
  void Stop();
  std::string Text() const;
};

}  // namespace onetake::sim
