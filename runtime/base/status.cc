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
  // reason and field are our own constants and field names: none holds a line break.
  status.SetPayload(kDetailUrl, absl::Cord(absl::StrCat(detail.reason, "\n", detail.field, "\n",
                                                        detail.safe_to_resend ? 1 : 0, "\n",
                                                        detail.retry_after_ms)));
  return status;
}

std::optional<ErrorDetail> GetDetail(const absl::Status& status) {
  const auto payload = status.GetPayload(kDetailUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> parts = absl::StrSplit(text, '\n');
  if (parts.size() != 4) return std::nullopt;
  ErrorDetail detail;
  detail.reason = parts[0];
  detail.field = parts[1];
  detail.safe_to_resend = parts[2] == "1";
  if (!absl::SimpleAtoi(parts[3], &detail.retry_after_ms)) return std::nullopt;
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
