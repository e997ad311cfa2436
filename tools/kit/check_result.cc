#include "tools/kit/check_result.h"

namespace onetake {

absl::string_view ToString(CheckResult::Verdict verdict) {
  switch (verdict) {
    case CheckResult::Verdict::kPass: return "pass";
    case CheckResult::Verdict::kFail: return "FAIL";
    case CheckResult::Verdict::kSkip: return "skip";
  }
  return "?";
}

void CheckList::Add(absl::string_view check, CheckResult::Verdict verdict,
                    absl::string_view detail) {
  results_.push_back({.tool = tool_,
                      .check = std::string(check),
                      .verdict = verdict,
                      .detail = std::string(detail)});
}

void CheckList::Pass(absl::string_view check, absl::string_view detail) {
  Add(check, CheckResult::Verdict::kPass, detail);
}

void CheckList::Fail(absl::string_view check, absl::string_view detail) {
  Add(check, CheckResult::Verdict::kFail, detail);
}

void CheckList::Skip(absl::string_view check, absl::string_view detail) {
  Add(check, CheckResult::Verdict::kSkip, detail);
}

void CheckList::Judge(absl::string_view check, Holds holds, absl::string_view good,
                      absl::string_view bad) {
  if (holds == Holds::kYes) return Pass(check, good);
  Fail(check, bad);
}

}  // namespace onetake
