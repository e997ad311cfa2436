#include "runtime/engine/turns.h"

namespace onetake {

void DiscardedTurns::Add(const Turn& turn, absl::Duration now) {
  Forget(now);
  if (turn.turn_id.empty()) return;
  ByAge& turns = by_tenant_[turn.tenant];
  if (const auto again = turns_.find(turn); again != turns_.end()) {
    again->second->at = now;
    turns.splice(turns.end(), turns, again->second);
    return;
  }
  if (turns.size() >= kMost) ForgetOldest(turns);
  turns_.emplace(turn, turns.insert(turns.end(), {turn, now, {}}));
}

bool DiscardedTurns::Contains(const Turn& turn, absl::Duration now) {
  if (turn.turn_id.empty()) return false;
  const auto found = turns_.find(turn);
  return found != turns_.end() && now < found->second->at + kRemembered;
}

void DiscardedTurns::NoteSettled(const Turn& turn, const std::string& intent_id, int generation) {
  const auto found = turns_.find(turn);
  if (found == turns_.end() || found->second->settled.size() >= kMostWrites) return;
  const Write write(turn.tenant, intent_id, generation);
  if (settled_.try_emplace(write, found->second).second) found->second->settled.push_back(write);
}

std::string DiscardedTurns::TurnOf(const std::string& tenant, const std::string& intent_id,
                                   int generation, absl::Duration now) const {
  const auto found = settled_.find(Write(tenant, intent_id, generation));
  if (found == settled_.end() || now >= found->second->at + kRemembered) return "";
  return found->second->turn.turn_id;
}

void DiscardedTurns::Forget(absl::Duration now) {
  for (auto it = by_tenant_.begin(); it != by_tenant_.end();) {
    ByAge& turns = it->second;
    while (!turns.empty() && turns.front().at + kRemembered <= now) ForgetOldest(turns);
    it = turns.empty() ? by_tenant_.erase(it) : std::next(it);
  }
}

void DiscardedTurns::ForgetOldest(ByAge& turns) {
  for (const Write& write : turns.front().settled) settled_.erase(write);
  turns_.erase(turns.front().turn);
  turns.pop_front();
}

}  // namespace onetake
