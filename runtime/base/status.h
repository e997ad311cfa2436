#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// Early return on a non-OK absl::Status expression. (The name is odd so that `expression` may be a
// member called status_.)
#define ONETAKE_RETURN_IF_ERROR(expression)                                   \
  do {                                                                        \
    if (absl::Status onetake_status_ = (expression); !onetake_status_.ok()) { \
      return onetake_status_;                                                 \
    }                                                                         \
  } while (false)

#define ONETAKE_CONCAT_INNER(a, b) a##b
#define ONETAKE_CONCAT(a, b) ONETAKE_CONCAT_INNER(a, b)

// ONETAKE_ASSIGN_OR_RETURN(auto value, MakeStatusOr()); declares or assigns `value`.
#define ONETAKE_ASSIGN_OR_RETURN(lhs, expression) \
  ONETAKE_ASSIGN_OR_RETURN_IMPL(ONETAKE_CONCAT(status_or_, __LINE__), lhs, expression)
#define ONETAKE_ASSIGN_OR_RETURN_IMPL(result, lhs, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) return result.status();                    \
  lhs = *std::move(result)

namespace onetake {

// Why a request of the caller's program was refused, in a form a program can read. Travels as a
// payload of absl::Status; the server turns it into `onetake.v1.ErrorDetail`.
struct ErrorDetail {
  std::string reason;           // stable, UPPER_SNAKE: "TOOL_CALL_ID_REUSED"
  std::string field;            // the request's field at fault, or empty
  bool safe_to_resend = false;  // the cause may pass, and the same request may then be sent again
  int64_t retry_after_ms = 0;   // 0: no advice
};

// INVALID_ARGUMENT of one field of a request, reason INVALID_FIELD: "FIELD: WHAT".
absl::Status BadField(absl::string_view field, absl::string_view what);
// BadField() when `value` has more than `most` bytes.
absl::Status CheckLength(absl::string_view field, absl::string_view value, size_t most);

absl::Status WithDetail(absl::Status status, const ErrorDetail& detail);
std::optional<ErrorDetail> GetDetail(const absl::Status& status);

// `status` with `context` and ": " before its message; the code and payloads stay.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace onetake
