#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace onetake {

// The user's turn a call belongs to.
struct Turn {
  std::string tenant;
  std::string session_id;
  std::string turn_id;  // empty: not known, and then never discarded
  auto operator<=>(const Turn&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const Turn& turn) {
    return H::combine(std::move(state), turn.tenant, turn.session_id, turn.turn_id);
  }
};

// Turns that were discarded by a barge-in (R20), remembered for a while, because the cancellation
// may arrive before the call it is about. Owned by the loop.
class DiscardedTurns {
 public:
  static constexpr absl::Duration kRemembered = absl::Minutes(10);
  // The most turns of one tenant. Beyond that its oldest are forgotten first, never another
  // tenant's.
  static constexpr size_t kMost = 10'000;

  void Add(const Turn& turn, absl::Duration now);
  bool Contains(const Turn& turn, absl::Duration now);

  // Notes that this turn was the last that wanted a write which has settled since. Whoever is told
  // of the write later hears of the turn, too, as long as it is remembered.
  void NoteSettled(const Turn& turn, const std::string& intent_id, int generation);
  // The turn that NoteSettled() noted for this generation; empty: none is remembered.
  std::string TurnOf(const std::string& tenant, const std::string& intent_id, int generation,
                     absl::Duration now) const;

 private:
  using Write = std::tuple<std::string, std::string, int>;  // tenant, intent, generation
  static constexpr size_t kMostWrites = 64;                 // of one turn
  struct Discarded {
    Turn turn;
    absl::Duration at;
    std::vector<Write> settled;
  };
  using ByAge = std::list<Discarded>;  // the oldest first
  void Forget(absl::Duration now);
  void ForgetOldest(ByAge& turns);

  std::map<std::string, ByAge> by_tenant_;
  absl::flat_hash_map<Turn, ByAge::iterator> turns_;
  absl::flat_hash_map<Write, ByAge::iterator> settled_;
};

}  // namespace onetake
