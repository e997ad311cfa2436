#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace onetake {

// What is destroyed for a person: the keys of the generations that are about them, and so all that
// these keys sealed, in every copy that is made from now on. What happened, when and under which
// key stays, and the chain stays whole.
struct Erasure {
  std::string tenant;
  // One of: all generations of an intent; or all that a conversation opened.
  std::string intent_id;
  std::string session_id;
  std::string by;  // who
  std::string reason;
  absl::Time at;
};
struct ErasureResult {
  int64_t erased = 0;
  int64_t gone = 0;       // were erased or aged before
  int64_t unsettled = 0;  // not erased: they may have to be sent again. Ask again when they are
                          // settled
  int64_t plain = 0;      // not erased: they were recorded while sealing was off
};

// What is deleted when it has been kept for long enough.
struct AgeRules {
  // Identity, arguments, request and result of a generation, so long after it was settled. It stays
  // as a tombstone: key, outcome, time, and a digest that still tells drift (R18).
  absl::Duration bodies = absl::Hours(24 * 30);
  // Legal hold: generations of these sessions, tools or intents are kept whole.
  std::vector<std::string> held_sessions, held_tools, held_intents;
};

// What operators do to what is recorded. Thread-safe; `done` as in ledger.h.
class LedgerUpkeep {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  virtual ~LedgerUpkeep() = default;

  // In one transaction. NOT_FOUND: nothing is recorded of that intent or
  // conversation.
  virtual void Erase(Erasure erasure, Done<ErasureResult> done) = 0;
  // At most `limit` (1 to 1000) generations, the oldest first; returns how many, so less than
  // `limit` means that there is no more to do for now. What waits for a person is kept.
  virtual void Age(AgeRules rules, absl::Time now, int limit, Done<int64_t> done) = 0;
};

}  // namespace onetake
