#pragma once

#include <string>
#include <vector>

#include "tests/testing/ledger_contract_fixture.h"

namespace onetake::testing {

using S = IntentState;

class LedgerVerdictsTest : public LedgerContractFixture {
 protected:
  // Claims intent `n` and leads it to `state`.
  int64_t ClaimedIn(int n, S state) {
    const int64_t row = Claimed(MakeClaim(n));
    if (state == S::kInFlight) return row;
    if (state == S::kSucceeded || state == S::kReversed) {
      EXPECT_THAT(Apply(Success(row, "{}")), IsOk());
      if (state == S::kReversed) {
        EXPECT_THAT(Apply(MakeTransition(row, S::kSucceeded, S::kReversed)), IsOk());
      }
      return row;
    }
    Transition lost = MakeTransition(row, S::kInFlight, S::kUnknown);
    lost.attempt_end = EndOf(1, "LOST");
    if (state == S::kRejected) lost.to = S::kRejected;
    EXPECT_THAT(Apply(lost), IsOk());
    if (state == S::kReview) {
      EXPECT_THAT(Apply(MakeTransition(row, S::kUnknown, S::kReview)), IsOk());
    }
    return row;
  }
  static Resolution Verdict(int n, S verdict) {
    return {.tenant = "clinic",
            .intent_id = absl::StrCat("intent", n),
            .verdict = verdict,
            .by = "dana",
            .evidence_json = R"({"note":"asked"})",
            .at = At(500)};
  }
  static LateOutcome Late(int64_t row, S says) {
    return {.row = row, .says = says, .rule = "R16.late", .actor = "engine", .at = At(600)};
  }
  std::vector<EventRecord> EventsOf(int n) {
    return LedgerContractFixture::EventsOf(absl::StrCat("intent", n));
  }
};

}  // namespace onetake::testing
