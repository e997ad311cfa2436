#include "runtime/cli/exit_code.h"

namespace onetake {

ExitCode ExitCodeOf(v1::Disposition disposition) {
  switch (disposition) {
    case v1::DISPOSITION_DONE: return ExitCode::kDone;
    case v1::DISPOSITION_REJECTED:
    case v1::DISPOSITION_FAILED: return ExitCode::kNoEffect;
    case v1::DISPOSITION_PENDING:
    case v1::DISPOSITION_UNCERTAIN: return ExitCode::kOpen;
    case v1::DISPOSITION_NEEDS_REVIEW: return ExitCode::kNeedsReview;
    case v1::DISPOSITION_NEEDS_CONFIRMATION:
    case v1::DISPOSITION_CONFLICT:
    case v1::DISPOSITION_WITHDRAWN:
    case v1::DISPOSITION_INVALID: return ExitCode::kNotRun;
    default: return ExitCode::kServerError;  // a newer server's; nothing may be assumed
  }
}

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return ExitCode::kDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists: return ExitCode::kUsage;
    case absl::StatusCode::kNotFound: return ExitCode::kNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied: return ExitCode::kDenied;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown: return ExitCode::kUnreachable;
    default: return ExitCode::kServerError;
  }
}

}  // namespace onetake
