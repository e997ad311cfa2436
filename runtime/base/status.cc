#include "runtime/base/status.h"

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

constexpr absl::string_view kDetailUrl = "onetake/error-detail";

}  // namespace

absl::Status WithDetail(absl::Status status, const ErrorDetail& detail) {
  // The field comes last and may hold line breaks: it can name a key of the caller's own map.
  status.SetPayload(kDetailUrl, absl::Cord(absl::StrCat(detail.safe_to_resend ? 1 : 0, "\n",
                                                        detail.retry_after_ms, "\n", detail.reason,
                                                        "\n", detail.field)));
  return status;
}

absl::Status BadField(absl::string_view field, absl::string_view what) {
  return WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", what)),
                    {.reason = "INVALID_FIELD", .field = std::string(field)});
}

absl::Status CheckLength(absl::string_view field, absl::string_view value, size_t most) {
  if (value.size() <= most) return absl::OkStatus();
  return BadField(field, absl::StrCat("is longer than ", most, " bytes"));
}

std::optional<ErrorDetail> GetDetail(const absl::Status& status) {
  const auto payload = status.GetPayload(kDetailUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('\n', 3));
  if (parts.size() != 4) return std::nullopt;
  ErrorDetail detail;
  detail.safe_to_resend = parts[0] == "1";
  if (!absl::SimpleAtoi(parts[1], &detail.retry_after_ms)) return std::nullopt;
  detail.reason = parts[2];
  detail.field = parts[3];
  return detail;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace onetake
