#include "absl/strings/str_format.h"
#include "tests/sim/world.h"

namespace onetake::sim {

void Tally::Add(const Tally& other) {
  runs += other.runs;
  conversations += other.conversations;
  calls += other.calls;
  intents += other.intents;
  effects += other.effects;
  attempts += other.attempts;
  steps += other.steps;
  checks += other.checks;
  simulated += other.simulated;
  for (const auto& [name, count] : other.faults) faults[name] += count;
  for (const auto& [name, count] : other.dispositions) dispositions[name] += count;
}

std::string Tally::Text() const {
  std::string text = absl::StrFormat(
      "%d runs, %.2f simulated years, %d conversations, %d calls, %d intents, %d requests, "
      "%d bookings, %d steps, %d looks at the ledger's file\n",
      runs, absl::ToDoubleHours(simulated) / 24 / 365, conversations, calls, intents, attempts,
      effects, steps, checks);
  absl::StrAppend(&text, "faults:");
  for (const auto& [name, count] : faults) absl::StrAppend(&text, " ", name, " ", count, ",");
  absl::StrAppend(&text, "\nanswers:");
  for (const auto& [name, count] : dispositions) absl::StrAppend(&text, " ", name, " ", count, ",");
  return text + "\n";
}

}  // namespace onetake::sim
