// Which call is the same delivery, where no session is named (R6).
#include <gmock/gmock.h>

#include "tests/testing/ledger_contract_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::LedgerContractFixture;
using ::onetake::testing::LedgerForm;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::NameOf;

class LedgerDeliveryTest : public LedgerContractFixture {
 protected:
  void SetUp() override {
    LedgerContractFixture::SetUp();
    ClaimRequest request = MakeClaim(1);
    request.call.session_id = "";
    row_ = Claimed(request);
  }
  std::optional<CallRecord> Delivered(const LookupRequest& request) {
    return Lookup(request)->call;
  }
  int64_t row_ = 0;
  const LookupRequest same_{.tenant = "clinic",
                            .intent_id = "intent1",
                            .tool_call_id = "toolu_1",
                            .fingerprint = "print1"};
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerDeliveryTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerDeliveryTest, WithoutASessionTheSameCallOfTheSameIntentIsFound) {
  const LookupResult found = Lookup(same_).value();
  ASSERT_TRUE(found.call.has_value());
  EXPECT_EQ(found.call->call_id, "call1");
  EXPECT_EQ(found.call_intent->row, row_);
}

TEST_P(LedgerDeliveryTest, WithoutASessionAnyOtherCallIsAnother) {
  LookupRequest other = same_;
  other.fingerprint = "print2";
  EXPECT_FALSE(Delivered(other).has_value());
  other = same_;
  other.tool_call_id = "toolu_2";
  EXPECT_FALSE(Delivered(other).has_value());
  other = same_;
  other.intent_id = "intent2";
  EXPECT_FALSE(Delivered(other).has_value());
  other = same_;
  other.tenant = "other";
  EXPECT_FALSE(Delivered(other).has_value());
  other = same_;
  other.session_id = "CA1";
  EXPECT_FALSE(Delivered(other).has_value());
}

}  // namespace
}  // namespace onetake
