#include "tests/sim/reviewer.h"

#include "tests/sim/dump.h"

namespace onetake::sim {

namespace {

Resolution About(const Waiting& waiting, absl::Time now) {
  return {.tenant = waiting.tenant,
          .intent_id = waiting.intent_id,
          .generation = waiting.generation,
          .by = "dana",
          .evidence_json = R"({"note":"looked it up"})",
          .at = now};
}

}  // namespace

std::optional<Resolution> HastyVerdict(SimDisk& disk, const std::string& path,
                                       const Downstream& downstream, const std::string& key,
                                       absl::Time now) {
  for (const Waiting& waiting : ReadDoubts(disk, path)) {
    const Nature nature = NatureOf(waiting.tool);
    const bool misleads = nature != Nature::kKeyed && nature != Nature::kFront;
    if (waiting.key != key || misleads) continue;
    Resolution resolution = About(waiting, now);
    const Downstream::Effect* effect = downstream.ByKey(key);
    resolution.verdict = effect != nullptr ? IntentState::kSucceeded : IntentState::kRejected;
    if (effect != nullptr) resolution.result_json = effect->body;
    return resolution;
  }
  return std::nullopt;
}

std::vector<Resolution> Verdicts(SimDisk& disk, const std::string& path,
                                 const Downstream& downstream, const SentLog& log, absl::Time now) {
  std::vector<Resolution> verdicts;
  for (const Waiting& waiting : ReadReview(disk, path)) {
    const auto sent = log.keys.find(waiting.key);
    if (downstream.MayStillLand(waiting.key) || (sent != log.keys.end() && sent->second.open)) {
      continue;
    }
    Resolution resolution = About(waiting, now);
    bool applied = false;
    if (IsBooking(waiting.tool)) {
      const Downstream::Effect* effect = downstream.ByKey(waiting.key);
      // What is recorded as undone is asked about because it may stand.
      applied = effect != nullptr && (!waiting.undone || !effect->undone_at.has_value());
      if (applied) resolution.result_json = effect->body;
    } else if (IsRestoring(waiting.tool)) {
      applied = downstream.HasRestored(waiting.key);
    } else if (CancelsByIdentity(NatureOf(waiting.tool))) {
      applied = downstream.UndoneBy(waiting.key) != nullptr;
    } else if (sent != log.keys.end()) {
      const Downstream::Effect* effect = downstream.ById(sent->second.appointment);
      applied = effect != nullptr && effect->undone_at.has_value();
    }
    resolution.verdict = applied ? IntentState::kSucceeded : IntentState::kRejected;
    verdicts.push_back(std::move(resolution));
  }
  return verdicts;
}

}  // namespace onetake::sim
