#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace onetake {

// What the contract kit found about one promise of one tool.
struct CheckResult {
  enum class Verdict {
    kPass,
    kFail,
    kSkip,  // the tool does not make this promise, or nobody can tell from here; `detail` says
            // which
  };
  std::string tool;
  std::string check;  // short and stable: "key.same_over_attempts"
  Verdict verdict = Verdict::kPass;
  std::string detail;  // one line; no argument values and no secrets
};

absl::string_view ToString(CheckResult::Verdict verdict);  // "pass" ...

// Collects the results of one tool.
class CheckList {
 public:
  explicit CheckList(std::string tool) : tool_(std::move(tool)) {}
  void Pass(absl::string_view check, absl::string_view detail);
  void Fail(absl::string_view check, absl::string_view detail);
  void Skip(absl::string_view check, absl::string_view detail);
  // Adds a pass with `good`, or a failure with `bad`.
  enum class Holds { kNo, kYes };  // Holds(a == b)
  void Judge(absl::string_view check, Holds holds, absl::string_view good, absl::string_view bad);
  std::vector<CheckResult> Take() { return std::move(results_); }

 private:
  void Add(absl::string_view check, CheckResult::Verdict verdict, absl::string_view detail);

  const std::string tool_;
  std::vector<CheckResult> results_;
};

}  // namespace onetake
