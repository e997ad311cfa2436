#include "tools/http/http_refusal.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace onetake {

bool RefusesUnprocessed(int status) { return status == 425 || status == 429; }

// With 408 the server gave up waiting for the request; a proxy in between may have passed it on.
// 499 is of proxies, of gRPC's HTTP gateways and of MCP's SDKs, when they are closed in the middle.
bool GivesUpMidway(int status) { return status == 408 || status == 499; }

void DoubtRefusalOfCopy(const Tool& tool, AttemptReport& report) {
  const bool refused =
      report.failure.has_value() &&
      (IsRefusal(*report.failure) || report.failure == FailureKind::kRefusedUnprocessed);
  if (tool.effect != Effect::kWrite || !refused) return;
  report.reached = Reached::kSomethingSent;
  report.failure = FailureKind::kLost;
  const std::string by_status = absl::StrCat("HTTP ", report.http_status);
  report.error = absl::StrCat("lost; sent again below, and refused: ",
                              report.error.empty() ? by_status : report.error);
}

}  // namespace onetake
