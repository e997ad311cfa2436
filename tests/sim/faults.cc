#include "tests/sim/faults.h"

#include "absl/strings/str_cat.h"

namespace onetake::sim {

Faults Faults::Of(uint64_t seed) {
  Chance chance(seed, 1);
  Faults faults;
  // One run in twelve is calm, so that what is found is not always behind a fault.
  if (chance.Is(1.0 / 12)) return faults;
  // Off, rare, frequent.
  const auto some = [&](double rare, double frequent) {
    const int64_t kind = chance.Int(0, 3);
    return kind <= 1 ? 0 : kind == 2 ? rare : frequent;
  };
  faults.not_sent = some(0.03, 0.2);
  faults.lost_request = some(0.03, 0.15);
  faults.lost_reply = some(0.05, 0.3);
  faults.late = some(0.05, 0.25);
  faults.error_before = some(0.03, 0.15);
  faults.error_after = some(0.03, 0.2);
  faults.throttled = some(0.03, 0.2);
  faults.refused = some(0.03, 0.2);
  faults.garbage = some(0.02, 0.1);
  faults.twice = some(0.05, 0.3);
  faults.slow = some(0.05, 0.3);
  faults.read_fails = some(0.05, 0.3);
  faults.taken_by_others = some(0.05, 0.2);
  faults.unique_slots = chance.Is(0.5);
  faults.short_memory = chance.Is(0.3);
  faults.eventual = chance.Is(0.2);
  faults.crashes = some(2, 12);
  faults.power_losses = some(1, 8);
  faults.drains = some(1, 4);
  faults.full_disks = some(1, 4);
  faults.slow_disks = some(1, 6);
  faults.clock_forward = some(1, 4);
  faults.clock_back = some(1, 4);
  faults.reloads = some(1, 8);
  faults.retentions = some(1, 6);
  faults.write_error = some(1e-5, 3e-4);
  faults.read_error = some(1e-6, 3e-5);
  faults.sync_error = some(1e-4, 2e-3);
  faults.sealed = chance.Is(0.2);
  faults.erasures = some(1, 4);
  faults.checkpoints = chance.Is(0.4);
  faults.older_copy = faults.checkpoints && chance.Is(0.6);
  faults.reidentified = chance.Is(0.1);
  faults.reclassified = chance.Is(0.1);
  if (chance.Is(0.2)) faults.hasty = 0.5;
  if (faults.reidentified) {
    faults.crashes = faults.power_losses = faults.drains = 0;
    faults.write_error = faults.read_error = faults.sync_error = 0;
    faults.older_copy = false;
    faults.reloads = 8;
  }
  return faults;
}

void Faults::Stop() {
  Faults calm;
  calm.unique_slots = unique_slots;
  calm.short_memory = short_memory;
  calm.eventual = eventual;
  calm.sealed = sealed;
  calm.checkpoints = checkpoints;
  calm.older_copy = older_copy;
  calm.reidentified = reidentified;
  calm.reclassified = reclassified;
  *this = calm;
}

std::string Faults::Text() const {
  std::string text;
  const auto say = [&](absl::string_view name, double value) {
    if (value > 0) absl::StrAppend(&text, text.empty() ? "" : " ", name, "=", value);
  };
  say("not_sent", not_sent);
  say("lost_request", lost_request);
  say("lost_reply", lost_reply);
  say("late", late);
  say("error_before", error_before);
  say("error_after", error_after);
  say("throttled", throttled);
  say("refused", refused);
  say("garbage", garbage);
  say("twice", twice);
  say("slow", slow);
  say("read_fails", read_fails);
  say("taken_by_others", taken_by_others);
  say("unique_slots", unique_slots ? 1 : 0);
  say("short_memory", short_memory ? 1 : 0);
  say("eventual", eventual ? 1 : 0);
  say("crashes", crashes);
  say("power_losses", power_losses);
  say("drains", drains);
  say("full_disks", full_disks);
  say("slow_disks", slow_disks);
  say("clock_forward", clock_forward);
  say("clock_back", clock_back);
  say("reloads", reloads);
  say("retentions", retentions);
  say("erasures", erasures);
  say("write_error", write_error);
  say("read_error", read_error);
  say("sync_error", sync_error);
  say("sealed", sealed ? 1 : 0);
  say("checkpoints", checkpoints ? 1 : 0);
  say("older_copy", older_copy ? 1 : 0);
  say("reidentified", reidentified ? 1 : 0);
  say("hasty", hasty);
  say("reclassified", reclassified ? 1 : 0);
  return text.empty() ? "none" : text;
}

}  // namespace onetake::sim
