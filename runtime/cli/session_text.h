#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "runtime/cli/output.h"

// One conversation, and what was prevented, for people. Pure.
namespace onetake {

// All that is recorded of a session: its calls, and the intents that they met, which may have been
// met by other sessions too.
struct SessionRecord {
  std::string session_id;
  std::vector<v1::CallRecord> calls;
  std::vector<v1::GetIntentResponse> intents;
  bool more = false;  // calls that came later were not asked for
};
// Lines that say of what there is more; empty when this is all.
std::string MoreOf(const SessionRecord& session);

// Text for `onetake ledger timeline`: what became of each intent; then every call, attempt,
// decision and answer, in order, with what was held back and why.
std::string RenderSession(const SessionRecord& session, absl::TimeZone zone);
// Fields per step: session_id, at, about, what, rule, why.
std::vector<Fields> SessionFields(const SessionRecord& session, absl::TimeZone zone);

// Text for `onetake ledger report`: the numbers in words, a table of days, the newest calls.
std::string RenderDuplicates(const v1::DuplicateReportResponse& report, absl::TimeZone zone);
// Fields per day, tool and role: day, tool, role, calls, why.
std::vector<Fields> DuplicateFields(const v1::DuplicateReportResponse& report);

}  // namespace onetake
