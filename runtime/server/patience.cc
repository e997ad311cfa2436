#include "runtime/server/patience.h"

#include <algorithm>

#include "runtime/base/status.h"

namespace onetake {

absl::StatusOr<absl::Duration> FitPatience(absl::Duration wanted, absl::Duration left) {
  if (left <= absl::ZeroDuration()) {
    return WithDetail(
        absl::DeadlineExceededError(
            "the RPC's deadline had passed before anything was done; nothing was recorded"),
        {.reason = "DEADLINE_PASSED", .safe_to_resend = true});
  }
  return std::max(std::min(wanted, left - kAnswerMargin), absl::ZeroDuration());
}

absl::Duration LastMoment(absl::Duration left) { return left - std::min(kAnswerMargin, left) / 2; }

}  // namespace onetake
