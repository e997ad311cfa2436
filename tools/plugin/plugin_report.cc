#include "tools/plugin/plugin_report.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "runtime/base/limits.h"
#include "runtime/base/utf8.h"
#include "runtime/json/json.h"

namespace onetake {

bool IsRecordable(absl::string_view result_json) {
  return result_json.size() <= limits::kResultBytes && ParseJson(result_json, ResultLimits()).ok();
}

std::string Printable(absl::string_view text, size_t most) {
  // The text is written and read again, so that it is UTF-8.
  const std::string dumped = DumpJson(Json(std::string(text.substr(0, most))));
  std::string clean = Json::parse(dumped, nullptr, /*allow_exceptions=*/false).get<std::string>();
  clean.resize(Utf8Prefix(clean, most).size());  // U+FFFD is longer than what it stands for
  for (char& c : clean) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return clean;
}

AttemptReport ReportOf(PluginResult result) {
  using Outcome = PluginResult::Outcome;
  AttemptReport report{.reached = Reached::kBodyComplete,
                       .error = Printable(result.error, kErrorBytes)};
  const bool readable = result.result_json.empty() || IsRecordable(result.result_json);
  if (readable) report.result_json = std::move(result.result_json);
  switch (result.outcome) {
    case Outcome::kSucceeded:
      if (!readable) report.failure = FailureKind::kBodyUnreadable;
      if (readable && report.result_json.empty()) report.result_json = "null";
      return report;
    case Outcome::kRejected: report.failure = FailureKind::kDefiniteRefusal; return report;
    case Outcome::kNoEffect:
      report.failure = FailureKind::kRefusedUnprocessed;
      report.retry_after = result.retry_after;
      if (result.delivery == PluginResult::Delivery::kNeverDelivered) {
        report.reached = Reached::kNothingSent;
        report.failure = FailureKind::kNotSent;
      }
      return report;
    case Outcome::kMayHaveHappened: break;
  }
  report.reached = Reached::kSomethingSent;
  report.failure = FailureKind::kLost;
  return report;
}

}  // namespace onetake
