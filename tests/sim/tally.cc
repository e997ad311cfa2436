#include "absl/strings/str_format.h"
#include "tests/sim/world.h"

namespace onetake::sim {
namespace {

// tests/sim/add_tallies.py reads them.
constexpr struct {
  const char* name;
  std::map<std::string, int64_t> Tally::*counts;
} kLists[] = {{"faults", &Tally::faults},
              {"answers", &Tally::dispositions},
              {"moves", &Tally::moves},
              {"events", &Tally::events},
              {"reviews", &Tally::reviews}};

}  // namespace

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
  for (const auto& list : kLists) {
    for (const auto& [name, count] : other.*list.counts) (this->*list.counts)[name] += count;
  }
}

std::string Tally::Text() const {
  std::string text = absl::StrFormat(
      "%d runs, %.2f simulated years, %d conversations, %d calls, %d intents, %d requests, "
      "%d bookings, %d steps, %d looks at the ledger's file\n",
      runs, absl::ToDoubleHours(simulated) / 24 / 365, conversations, calls, intents, attempts,
      effects, steps, checks);
  for (const auto& list : kLists) {
    absl::StrAppend(&text, list.name, ":");
    for (const auto& [name, count] : this->*list.counts) {
      absl::StrAppend(&text, " ", name, " ", count, ",");
    }
    text += "\n";
  }
  return text;
}

}  // namespace onetake::sim
