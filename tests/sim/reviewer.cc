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

// What is there now; `result` is what a booking has answered.
struct Truth {
  bool applied = false;
  std::optional<std::string> result;
};

Truth Look(const Waiting& waiting, const Downstream& downstream, const SentLog& log) {
  if (IsBooking(waiting.tool)) {
    const Downstream::Effect* effect = downstream.ByKey(waiting.key);
    // What is recorded as undone is asked about because it may stand.
    if (effect == nullptr || (waiting.undone && effect->undone_at.has_value())) return {};
    return {.applied = true, .result = effect->body};
  }
  if (IsRestoring(waiting.tool)) return {.applied = downstream.HasRestored(waiting.key)};
  if (CancelsByIdentity(NatureOf(waiting.tool))) {
    return {.applied = downstream.UndoneBy(waiting.key) != nullptr};
  }
  const auto sent = log.keys.find(waiting.key);
  if (sent == log.keys.end()) return {};
  const Downstream::Effect* effect = downstream.ById(sent->second.appointment);
  return {.applied = effect != nullptr && effect->undone_at.has_value()};
}

Resolution VerdictOf(const Waiting& waiting, const Downstream& downstream, const SentLog& log,
                     absl::Time now) {
  const Truth truth = Look(waiting, downstream, log);
  Resolution resolution = About(waiting, now);
  resolution.verdict = truth.applied ? IntentState::kSucceeded : IntentState::kRejected;
  resolution.result_json = truth.result;
  return resolution;
}

}  // namespace

std::optional<Resolution> HastyVerdict(SimDisk& disk, const std::string& path,
                                       const Downstream& downstream, const SentLog& log,
                                       const std::string& key, absl::Time now) {
  for (const Waiting& waiting : ReadDoubts(disk, path)) {
    if (waiting.key == key) return VerdictOf(waiting, downstream, log, now);
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
    verdicts.push_back(VerdictOf(waiting, downstream, log, now));
  }
  return verdicts;
}

}  // namespace onetake::sim
