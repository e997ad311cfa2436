#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

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
  // Of one tenant, whose oldest are forgotten first: never another's.
  static constexpr size_t kMost = 10'000;

  void Add(const Turn& turn, absl::Duration now);
  bool Contains(const Turn& turn, absl::Duration now);

 private:
  struct Discarded {
    Turn turn;
    absl::Duration at;
  };
  using ByAge = std::list<Discarded>;  // the oldest first
  void Forget(absl::Duration now);
  void ForgetOldest(ByAge& turns);

  std::map<std::string, ByAge> by_tenant_;
  absl::flat_hash_map<Turn, ByAge::iterator> turns_;
};

}  // namespace onetake
