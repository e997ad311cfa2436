#include "runtime/policy/backoff.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace onetake {
namespace {

// Uniform in [0, 1), all 53 bits of a double's fraction.
double UniformUnit(Random& random) { return static_cast<double>(random.Next() >> 11) * 0x1p-53; }

}  // namespace

absl::Duration Backoff(const RetryLimits& limits, int retry,
                       std::optional<absl::Duration> retry_after, Random& random) {
  ONETAKE_CHECK(retry >= 1);
  absl::Duration ceiling = std::clamp(limits.base, absl::ZeroDuration(), limits.cap);
  for (int n = 1; n < retry && ceiling < limits.cap && ceiling > absl::ZeroDuration(); ++n) {
    ceiling = std::min(ceiling * 2, limits.cap);
  }
  const absl::Duration jitter = ceiling * UniformUnit(random);
  return jitter + std::max(retry_after.value_or(absl::ZeroDuration()), absl::ZeroDuration());
}

RetryBudget::RetryBudget(const Options& options) : options_(options), tokens_(options.tokens) {}

void RetryBudget::OnSuccess() { tokens_ = std::min(tokens_ + options_.refund, options_.tokens); }
void RetryBudget::OnFailure() { tokens_ = std::max(tokens_ - 1, 0.0); }

Breaker::Breaker(const Options& options, const Clock& clock) : options_(options), clock_(clock) {}

bool Breaker::Admit() {
  switch (state()) {
    case State::kClosed: return true;
    case State::kOpen: return false;
    case State::kHalfOpen:
      if (trial_) return false;
      trial_ = true;
      return true;
  }
  ONETAKE_CHECK(false);
}

void Breaker::OnSuccess() {
  failures_ = 0;
  open_ = false;
  trial_ = false;
}

void Breaker::OnFailure() {
  if (open_) {
    // Attempts that were admitted before the breaker opened may still fail; only the trial's
    // failure says something new.
    if (!trial_) return;
    trial_ = false;
    opened_at_ = clock_.Elapsed();
    return;
  }
  if (++failures_ < options_.failures) return;
  open_ = true;
  opened_at_ = clock_.Elapsed();
}

void Breaker::OnAbandon() { trial_ = false; }

Breaker::State Breaker::state() const {
  if (!open_) return State::kClosed;
  return clock_.Elapsed() - opened_at_ < options_.open_for ? State::kOpen : State::kHalfOpen;
}

absl::Duration Breaker::RetryAfter() const {
  switch (state()) {
    case State::kClosed: return absl::ZeroDuration();
    case State::kOpen: return opened_at_ + options_.open_for - clock_.Elapsed();
    // While a trial is under way, the next attempt passes only after that trial has failed.
    case State::kHalfOpen: return trial_ ? options_.open_for : absl::ZeroDuration();
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
