#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace onetake {

// How often and for how long one generation may be tried. All counts are over restarts and callers.
struct RetryLimits {
  int attempts = 5;                               // dispatches, the first included; 1..20
  absl::Duration total = absl::Minutes(2);        // from the claim to the last dispatch
  absl::Duration base = absl::Milliseconds(200);  // first backoff's ceiling
  absl::Duration cap = absl::Seconds(10);         // every backoff's ceiling
};

// Full jitter (Brooker, "Exponential Backoff And Jitter", 2015): uniform in [0, min(cap,
// base·2^(n-1))) before the n-th retry, n >= 1. `retry_after`, when the downstream gave one, comes
// on top: the wait is never shorter, and callers that were told the same time still come back
// apart.
absl::Duration Backoff(const RetryLimits& limits, int retry,
                       std::optional<absl::Duration> retry_after, Random& random);

// The token bucket of one tool, as in gRPC's retry throttling (gRFC A6): a failure costs one token,
// a success gives back `refund`; retries are allowed while more than half of the tokens are left.
// Owned by the loop.
class RetryBudget {
 public:
  struct Options {
    double tokens = 100;
    double refund = 0.1;
  };
  explicit RetryBudget(const Options& options);
  void OnSuccess();
  void OnFailure();
  bool MayRetry() const { return tokens_ > options_.tokens / 2; }

 private:
  const Options options_;
  double tokens_;
};

// The circuit breaker of one downstream. It is closed; open for `open_for` after `failures`
// failures in a row; then half-open: one trial passes, and its outcome closes or re-opens it. Owned
// by the loop.
class Breaker {
 public:
  struct Options {
    int failures = 20;
    absl::Duration open_for = absl::Seconds(5);
  };
  enum class State { kClosed, kOpen, kHalfOpen };
  Breaker(const Options& options, const Clock& clock);

  // Whether an attempt may be dispatched now. In half-open only the first caller is let through
  // until its outcome is reported; an admitted attempt must be followed by OnSuccess, OnFailure or
  // OnAbandon.
  bool Admit();
  void OnSuccess();  // the downstream answered, whatever it said below 500
  void OnFailure();  // unreachable, timed out, 5xx
  void OnAbandon();  // admitted, but nothing was sent
  State state() const;
  // When the next attempt may pass: zero when closed, and when half-open without a trial under way;
  // `open_for` while a trial is under way, since the next one passes only after it fails.
  absl::Duration RetryAfter() const;

 private:
  const Options options_;
  const Clock& clock_;
  int failures_ = 0;
  bool open_ = false;
  bool trial_ = false;
  absl::Duration opened_at_ = absl::ZeroDuration();
};

}  // namespace onetake
