#include "runtime/engine/turns.h"

namespace onetake {

void DiscardedTurns::Add(const Turn& turn, absl::Duration now) {
  Forget(now);
  if (turn.turn_id.empty()) return;
  turns_[turn] = now;
  by_age_.emplace_back(now, turn);
  if (by_age_.size() > kMost) ForgetOldest();
}

bool DiscardedTurns::Contains(const Turn& turn, absl::Duration now) {
  Forget(now);
  return !turn.turn_id.empty() && turns_.contains(turn);
}

void DiscardedTurns::Forget(absl::Duration now) {
  while (!by_age_.empty() && by_age_.front().first + kRemembered <= now) ForgetOldest();
}

// Unless it was discarded again since.
void DiscardedTurns::ForgetOldest() {
  const auto& [when, turn] = by_age_.front();
  const auto found = turns_.find(turn);
  if (found != turns_.end() && found->second == when) turns_.erase(found);
  by_age_.pop_front();
}

}  // namespace onetake
