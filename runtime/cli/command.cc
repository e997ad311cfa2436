#include "runtime/cli/command.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/cli/text.h"

namespace onetake {

ExitCode Complain(const absl::Status& status) {
  std::cerr << "onetake: " << absl::StatusCodeToString(status.code()) << ": "
            << Printable(status.message()) << "\n";
  const std::optional<ErrorDetail> detail = GetDetail(status);
  if (detail.has_value()) {
    std::cerr << "  reason " << Printable(detail->reason);
    if (!detail->field.empty()) std::cerr << ", field " << Printable(detail->field);
    std::cerr << (detail->safe_to_resend ? ", safe to send again" : "");
    if (detail->retry_after_ms > 0) std::cerr << " after " << detail->retry_after_ms << " ms";
    std::cerr << "\n";
  } else if (ExitCodeOf(status) == ExitCode::kUnreachable) {
    std::cerr
        << "  This says nothing about a write that was asked for: run the same command again, "
           "it will not be done twice.\n";
  }
  return ExitCodeOf(status);
}

std::string CheckPatience(const std::string& text) {
  absl::Duration patience;
  if (absl::ParseDuration(text, &patience) && patience >= absl::ZeroDuration() &&
      patience <= limits::kMaxPatience) {
    return "";
  }
  return absl::StrCat("must be a duration from 0s to ", absl::FormatDuration(limits::kMaxPatience),
                      ", e.g. 4s");
}

absl::Duration ParsePatience(const std::string& text) {
  absl::Duration patience;
  return absl::ParseDuration(text, &patience) ? patience : absl::ZeroDuration();
}

}  // namespace onetake
