#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/base/event_loop.h"
#include "runtime/base/system_clock.h"
#include "tests/testing/catalog_fixture.h"
#include "tools/kit/check_result.h"

namespace onetake::testing {

// Manifests that the contract kit tests, and what it needs.
class KitTest : public CatalogTest {
 protected:
  using CheckResults = std::map<std::string, CheckResult>;

  KitTest() { loop_.Start(); }

  static CheckResults ByName(std::vector<CheckResult> results) {
    CheckResults named;
    for (CheckResult& result : results) named[result.check] = std::move(result);
    return named;
  }
  // Each as "check: detail".
  static std::vector<std::string> Failed(const CheckResults& results) {
    std::vector<std::string> failed;
    for (const auto& [check, result] : results) {
      if (result.verdict == CheckResult::Verdict::kFail) {
        failed.push_back(absl::StrCat(check, ": ", result.detail));
      }
    }
    return failed;
  }
  static std::vector<std::string> Skipped(const CheckResults& results) {
    std::vector<std::string> skipped;
    for (const auto& [check, result] : results) {
      if (result.verdict == CheckResult::Verdict::kSkip) skipped.push_back(check);
    }
    return skipped;
  }

  SystemClock clock_;
  SystemRandom random_;
  EventLoop loop_;
};

}  // namespace onetake::testing
