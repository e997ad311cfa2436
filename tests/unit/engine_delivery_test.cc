#include "tests/testing/engine_reversal_fixture.h"

// R6 without a session: what the same delivery is then.
namespace onetake::testing {
namespace {

using ::testing::ElementsAre;

class EngineDeliveryTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    std::shared_ptr<Tool> book =
        BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    book->intent.scope = {{.kind = ScopeKind::kAttribute, .attribute = "caller"}};
    const Json identity{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}};
    std::shared_ptr<Tool> cancel =
        CancelTool("cancel", {.tool = "book", .identity = JsonTemplate::Parse(identity).value()});
    cancel->intent.scope = book->intent.scope;
    engine->SetTools(
        std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{book, cancel}));
  }
  static ToolCall Sessionless(std::string tool, std::string arguments, std::string id,
                              std::string caller = "ada") {
    ToolCall call = Call(std::move(tool), std::move(arguments), std::move(id));
    call.session_id.clear();
    call.attributes = {{"caller", std::move(caller)}};
    return call;
  }
  static ToolCall Booking(std::string id, std::string caller = "ada") {
    return Sessionless("book", std::string(kBooking), std::move(id), std::move(caller));
  }
};

TEST_F(EngineDeliveryTest, ALateRedeliveryOfWhatWasUndoneDoesNotRunAgain) {
  Run(Booking("a"));
  Run(Sessionless("cancel", kCancelSlot, "b"));
  const Answer late = Run(Booking("a"));
  EXPECT_TRUE(late.replayed);
  EXPECT_EQ(late.intent->state, IntentState::kReversed);
  EXPECT_EQ(late.intent->generation, 1);
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel"));
  EXPECT_EQ(Run(Booking("c")).intent->generation, 2) << "another call is a new one";
}

TEST_F(EngineDeliveryTest, ARedeliveryOfWhatWasRefusedIsRefusedAgain) {
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Booking("a")).disposition, Disposition::kRejected);
  EXPECT_EQ(Run(Booking("a")).disposition, Disposition::kRejected);
  EXPECT_THAT(SentTools(), ElementsAre("book"));
}

TEST_F(EngineDeliveryTest, TheSameIdOfAnotherCallIsANewOne) {
  Run(Booking("call_0"));
  const Answer other = Run(Sessionless(
      "book", R"({"slot_iso":"2026-06-25T14:00:00-05:00","provider_id":"dr-kim"})", "call_0"));
  EXPECT_EQ(other.disposition, Disposition::kDone);
  EXPECT_FALSE(other.replayed);
}

// The arguments are the same, the intent is not.
TEST_F(EngineDeliveryTest, TheSameIdOfAnotherCallerIsANewOne) {
  const Answer first = Run(Booking("call_0"));
  Run(Sessionless("cancel", kCancelSlot, "call_1"));
  const Answer other = Run(Booking("call_0", "bob"));
  EXPECT_FALSE(other.replayed);
  EXPECT_NE(other.intent->id, first.intent->id);
  EXPECT_EQ(other.intent->state, IntentState::kSucceeded);
}

TEST_F(EngineDeliveryTest, ACallWithoutAnIdIsAlwaysANewOne) {
  Run(Booking(""));
  Run(Sessionless("cancel", kCancelSlot, ""));
  EXPECT_EQ(Run(Booking("")).intent->generation, 2);
}

}  // namespace
}  // namespace onetake::testing
