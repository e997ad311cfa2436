// Which changes of a generation the contract of ledger.h refuses.
#include <gmock/gmock.h>

#include "tests/testing/ledger_contract_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::EndOf;
using ::onetake::testing::LedgerContractFixture;
using ::onetake::testing::LedgerForm;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::NameOf;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using S = IntentState;

class BadTransitionTest : public LedgerContractFixture {
 protected:
  void SetUp() override {
    LedgerContractFixture::SetUp();
    row_ = Claimed(MakeClaim(1));
  }
  void ExpectRefused(const Transition& transition, const std::string& why) {
    EXPECT_THAT(Apply(transition), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
    EXPECT_THAT(AllEvents(), SizeIs(1));
    EXPECT_EQ(Latest("intent1")->state, S::kInFlight);
    EXPECT_EQ(Latest("intent1")->attempts, 1);
  }
  int64_t row_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Form, BadTransitionTest,
                         ::testing::Values(LedgerForm::kManual, LedgerForm::kMemory), NameOf);

TEST_P(BadTransitionTest, IllegalMove) {
  struct Move {
    S from;
    S to;
  };
  for (const Move& move : {Move{S::kInFlight, S::kReview}, Move{S::kInFlight, S::kReversed},
                           Move{S::kUnknown, S::kInFlight}, Move{S::kSucceeded, S::kRejected},
                           Move{S::kSucceeded, S::kSucceeded}, Move{S::kRejected, S::kSucceeded},
                           Move{S::kReview, S::kUnknown}, Move{S::kReview, S::kReview},
                           Move{S::kReversed, S::kSucceeded}}) {
    SCOPED_TRACE(absl::StrCat(ToString(move.from), " to ", ToString(move.to)));
    ExpectRefused(MakeTransition(row_, move.from, move.to), "no event leads from");
  }
}

TEST_P(BadTransitionTest, EndOfAnAttemptThatIsNotOpen) {
  Transition transition = MakeTransition(row_, S::kInFlight, S::kUnknown);
  transition.attempt_end = EndOf(2, "LOST");
  ExpectRefused(transition, "attempt 2 is not open");
}

TEST_P(BadTransitionTest, SecondAttemptWhileTheFirstIsInFlight) {
  Transition transition = MakeTransition(row_, S::kInFlight, S::kInFlight);
  transition.attempt_begin = 2;
  ExpectRefused(transition, "attempt 1 has not ended (R4)");
}

TEST_P(BadTransitionTest, AttemptOutOfOrder) {
  Transition transition = MakeTransition(row_, S::kInFlight, S::kInFlight);
  transition.attempt_end = EndOf(1, "NOT_SENT");
  transition.attempt_begin = 3;
  ExpectRefused(transition, "the next attempt is 2");
}

TEST_P(BadTransitionTest, AttemptOfASettledIntent) {
  Transition transition = MakeTransition(row_, S::kInFlight, S::kRejected);
  transition.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
  transition.attempt_begin = 2;
  ExpectRefused(transition, "no attempt may begin in REJECTED");
}

TEST_P(BadTransitionTest, ResultWithoutAnOutcome) {
  Transition transition = MakeTransition(row_, S::kInFlight, S::kUnknown);
  transition.result_json = "{}";
  ExpectRefused(transition, "result_json belongs to an outcome");
}

TEST_P(BadTransitionTest, OversizedResult) {
  ExpectRefused(Success(row_, std::string(2'000'000, 'x')), "result_json has 2000000 bytes");
}

}  // namespace
}  // namespace onetake
