#include "tools/dental/fate.h"

#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"

namespace onetake::dental {
namespace {

// A booking is written early and answered late, as in the API of the story: a client that hangs up
// at 3,000 ms leaves a row behind.
constexpr double kCommitAt = 0.2;

constexpr double kZ95 = 1.6448536269514722;  // 95th percentile of the standard normal

std::mt19937_64 Generator(uint64_t seed, absl::string_view thing, int ordinal) {
  const std::string material = absl::StrCat(seed, "/", ordinal, "/", thing);
  std::seed_seq sequence(material.begin(), material.end());
  return std::mt19937_64(sequence);
}

}  // namespace

int FateDealer::CountRequest(absl::string_view thing) {
  absl::MutexLock lock(&mutex_);
  return ++requests_[thing];
}

Fate FateDealer::Deal(absl::string_view thing) {
  std::mt19937_64 generator = Generator(options_.seed, thing, CountRequest(thing));
  std::lognormal_distribution<double> latency(
      std::log(absl::ToDoubleSeconds(options_.p50)),
      std::log(absl::FDivDuration(options_.p95, options_.p50)) / kZ95);
  const absl::Duration total = absl::Seconds(latency(generator)) * options_.time_scale;

  Fate fate{.before_commit = total * kCommitAt, .after_commit = total * (1 - kCommitAt)};
  double draw = std::uniform_real_distribution<double>(0, 1)(generator);
  const auto falls_in = [&draw](double probability) {
    draw -= probability;
    return draw < 0;
  };
  if (falls_in(options_.error_before_commit)) {
    fate.fault = Fault::kErrorBeforeCommit;
  } else if (falls_in(options_.error_after_commit)) {
    fate.fault = Fault::kErrorAfterCommit;
  } else if (falls_in(options_.commit_then_stall)) {
    fate.fault = Fault::kCommitThenStall;
  } else if (falls_in(options_.commit_then_reset)) {
    fate.fault = Fault::kCommitThenReset;
  }
  return fate;
}

}  // namespace onetake::dental
