// What is said again long after it was said first.
#include <algorithm>
#include <utility>

#include "tests/sim/conversation.h"

namespace onetake::sim {

void Conversation::SayAgain(Saying old, absl::Duration after) {
  SaySomething(after, [this, old = std::move(old)] {
    auto again = std::make_shared<Saying>(old);
    again->said.answered = false;
    again->said.sent_at = world_.loop.Elapsed();
    if (again->call.tool_call_id.empty()) {
      again->call.tool_call_id = absl::StrCat("toolu_again_", ++agains_);
      again->call.turn_id = absl::StrCat("turn-again-", agains_);
      again->said.tool_call_id = again->call.tool_call_id;
      again->said.first_said_at = again->said.sent_at;
    }
    Deliver(again, /*exchange=*/0);
  });
}

void Conversation::RepeatSomething() {
  if (said_.empty()) return;
  world_.Hit("old delivery repeated");
  SayAgain(chance_.Of(said_), chance_.Time(absl::Seconds(1), absl::Minutes(30)));
}

void Conversation::Redeliver() {
  for (Saying old : said_) {
    const Wish& wish = history_.wishes()[static_cast<size_t>(old.said.wish)];
    const bool drifts = old.said.patient != wish.patient || old.said.provider != wish.provider;
    if (IsBooking(old.call.tool) && drifts) continue;
    SayAgain(old, chance_.Time(absl::ZeroDuration(), absl::Minutes(5)));
    if (chance_.Is(0.5)) continue;
    old.call.tool_call_id.clear();
    old.call.confirm_token.clear();
    old.insists = true;
    SayAgain(std::move(old), chance_.Time(absl::ZeroDuration(), absl::Minutes(30)));
  }
}

// The ledger may have forgotten it, and the user knows. Under a key that was used before, an API
// may answer for what was done with it then, so what was ever done is not asked for again.
void Conversation::Insist(const Saying& saying, const Answer& answer) {
  if (answer.disposition != Disposition::kNeedsConfirmation || !answer.forgotten) return;
  bool stands = false, is_new = true;
  for (const Downstream::Effect& effect : downstream_.effects()) {
    if (effect.wish != saying.said.wish) continue;
    stands = stands || !effect.undone_at.has_value();
    is_new = is_new && !effect.undone_at.has_value() && !effect.restored;
  }
  const bool books = IsBooking(saying.call.tool);
  if (IsRestoring(saying.call.tool) || !is_new || stands == books) return;
  world_.Hit("confirmed after a restore");
  Saying confirmed = saying;
  confirmed.call.tool_call_id.clear();
  confirmed.call.confirm_token = answer.confirm_token;
  SayAgain(std::move(confirmed), chance_.Time(absl::Milliseconds(200), absl::Seconds(6)));
}

}  // namespace onetake::sim
