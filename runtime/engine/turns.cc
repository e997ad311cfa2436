#include "runtime/engine/turns.h"

namespace onetake {

void DiscardedTurns::Add(const Turn& turn, absl::Duration now) {
  Forget(now);
  if (turn.turn_id.empty() || !turns_.insert(turn).second) return;
  by_age_.emplace_back(now, turn);
  if (by_age_.size() <= kMost) return;
  turns_.erase(by_age_.front().second);
  by_age_.pop_front();
}

bool DiscardedTurns::Contains(const Turn& turn, absl::Duration now) {
  Forget(now);
  return !turn.turn_id.empty() && turns_.contains(turn);
}

void DiscardedTurns::Forget(absl::Duration now) {
  while (!by_age_.empty() && by_age_.front().first + kRemembered <= now) {
    turns_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
}

}  // namespace onetake
