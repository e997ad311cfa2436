#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/ledger/age_clock.h"

namespace onetake {

// What is to be destroyed for a person: the keys of the generations that are about them, and so all
// that these keys sealed, in every copy that is made from now on. What happened, when and under
// which key stays, and the chain stays whole.
struct Erasure {
  std::string tenant;
  // Exactly one is set: all generations of an intent; a conversation, with all that it opened; or
  // all calls that came with an indexed attribute, with all that they were about.
  std::string intent_id;
  std::string session_id;
  std::string attribute;
  std::string value;
  std::string by;      // who
  std::string reason;  // kept in clear: the keys that could seal it are destroyed
  absl::Time at;
  // Legal hold: what is held is not erased, nor what calls of a held session met.
  std::vector<std::string> held_sessions, held_tools, held_intents;
};
struct ErasureResult {
  int64_t erased = 0;
  int64_t gone = 0;       // nothing of them was left: they were erased or aged before
  int64_t unsettled = 0;  // not erased: they may have to be sent again. Ask again when they are
                          // settled
  int64_t plain = 0;  // erased but for errors and evidence, as they were recorded without sealing
  int64_t held = 0;   // not erased: on legal hold
  // Calls that lost their attributes but belong to no erased generation: READs, calls that could
  // not run, and calls that met the intent of another conversation.
  int64_t calls = 0;
};

// The announcement that somebody is about to see the private fields of an intent.
struct Unsealing {
  std::string tenant;
  std::string intent_id;
  std::string by;  // the name of a credential
  absl::Time at;
};

// How long recorded things are kept before they are deleted.
struct AgeRules {
  // How long after it was settled a generation's identity, arguments, request and result are
  // deleted. It stays as a tombstone: key, outcome, time, and a digest that still tells drift
  // (R18).
  absl::Duration bodies = absl::Hours(24 * 30);
  // How long after they were settled the skeletons of generations are deleted, with their calls and
  // events, and those of READs. The oldest event goes first, so what has to be kept keeps all that
  // came after it. At least `bodies`.
  static constexpr absl::Duration kShortestSkeletons = absl::Hours(24 * 30);
  absl::Duration skeletons = absl::Hours(24 * 365 * 6);
  // Legal hold: generations of these sessions, tools or intents are kept whole, and those that
  // calls of these sessions met.
  std::vector<std::string> held_sessions, held_tools, held_intents;
};

struct AgeResult {
  int64_t aged = 0;
  int64_t pruned = 0;  // events removed
  // Whether there may be more; else the next call begins with the oldest again.
  enum class More { kNo, kMaybe } more = More::kNo;
};

// Operators' changes of what is recorded. Thread-safe; `done` as in ledger.h.
class LedgerUpkeep {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  virtual ~LedgerUpkeep() = default;

  // Erases in one transaction. INVALID_ARGUMENT: the attribute is not indexed. NOT_FOUND: nothing
  // is recorded of that intent or conversation.
  virtual void Erase(Erasure erasure, Done<ErasureResult> done) = 0;
  // Records an "unsealed" event for every generation. Answers when it is on disk: nothing is shown
  // before. NOT_FOUND. The result is the number of generations.
  virtual void RecordUnsealing(Unsealing unsealing, Done<int64_t> done) = 0;
  // Looks at `limit` (1 to 1000) generations that are old enough, the oldest first, and goes on
  // with the next ones when it is called again. What waits for a person is kept. Then it removes up
  // to `limit` events whose time is over, in the same transaction.
  virtual void Age(AgeRules rules, absl::Time now, int limit, Done<AgeResult> done) = 0;
  // Keeps the clock for the next start. Nobody waits for it: an older one is on the safe side.
  virtual void KeepAgeClock(AgeClock clock) = 0;
};

}  // namespace onetake
