// Calls that are looked for under several versions of their tool, and of the tool that they undo.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineVersionsTest : public EngineFixture {
 protected:
  void SetTools(std::vector<std::shared_ptr<const Tool>> tools) {
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  // A version of `none` by which these arguments make two calls the same.
  static std::shared_ptr<Tool> By(std::string version, std::vector<IdentityField> identity) {
    std::shared_ptr<Tool> tool = BookingTool("none", {});
    tool->version = std::move(version);
    tool->intent.identity = std::move(identity);
    return tool;
  }
  static IdentityField Patient() { return {"$.patient_id", "patient_id", Normaliser::kVerbatim}; }
  static IdentityField Provider() {
    return {"$.provider_id", "provider_id", Normaliser::kVerbatim};
  }
  // The process has known v1, which is by slot and provider, v2 and v3.
  void HaveThreeVersions() {
    SetTools({By("v2", {Provider()})});
    SetTools({By("v3", {Patient()})});
  }
};

TEST_F(EngineVersionsTest, AWriteOfTheOldestVersionIsFoundBehindTheOthers) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  HaveThreeVersions();
  const Answer again = Run(Call("none"));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineVersionsTest, WhatNoVersionHasDoneIsDoneOnceByTheOneOfNow) {
  HaveThreeVersions();
  EXPECT_FALSE(Run(Call("none")).replayed);
  EXPECT_TRUE(Run(Call("none")).replayed);
  ASSERT_THAT(ledger.intents, SizeIs(1));
  EXPECT_EQ(ledger.intents[0].tool_version, "v3");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineVersionsTest, ADrainEndsTheSearchAndNothingIsSent) {
  HaveThreeVersions();
  ledger.HoldLookups();
  const auto reply = Start(Call("none"));
  engine->Drain(absl::Seconds(10), [] {});
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining")));
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
}

// More versions are forgotten than are kept, and then the version of now answers.
TEST_F(EngineVersionsTest, TheOldestVersionIsForgottenFirst) {
  Run(Call("none"));
  for (int i = 2; i <= 6; ++i) {
    std::shared_ptr<Tool> tool = By(absl::StrCat("v", i), {Provider()});
    if (i == 2) tool->intent.identity = {Patient()};
    SetTools({tool});
    if (i == 5) {
      EXPECT_TRUE(Run(Call("none")).replayed) << "four are kept";
    }
  }
  EXPECT_FALSE(Run(Call("none")).replayed);
  EXPECT_THAT(executor->sent, SizeIs(2));
}

// What a call cannot mean under an earlier version was not written under it.
TEST_F(EngineVersionsTest, ACallThatIsWrongIsToldSoByTheVersionOfNow) {
  SetTools({By("v2", {Provider()})});
  EXPECT_EQ(Run(Call("none", "[1]")).disposition, Disposition::kInvalid);
  ToolCall nowhere = Call("none");
  nowhere.session_id.clear();
  EXPECT_THAT(RunStatus(std::move(nowhere)),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  const std::string no_zone = absl::StrReplaceAll(kBooking, {{"-05:00", ""}});
  EXPECT_EQ(Run(Call("none", no_zone)).disposition, Disposition::kDone)
      << "its slot is no part of the identity any more";
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// The recovery has what it needs, although no version of the record's is known and the tool is
// gone.
TEST_F(EngineVersionsTest, AWriteOfAVersionThatIsNotKnownIsSettledAsItsToolWasLast) {
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(3)));
  Start(Call("keyed"));
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  ledger.intents.at(0).tool_version = "v0";
  SetTools({});
  engine->Recover();
  Settle();
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

class EngineTargetVersionsTest : public EngineReversalTest {
 protected:
  static std::shared_ptr<Tool> Book(std::string version) {
    std::shared_ptr<Tool> book =
        BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    book->version = std::move(version);
    return book;
  }
  void SetTools(std::vector<std::shared_ptr<const Tool>> tools) {
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  void ExpectItIsUndone() {
    EXPECT_EQ(Run(Call("cancel_slot", kCancelSlot)).disposition, Disposition::kDone);
    EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  }
};

// It was a READ once, when nothing could be booked by it.
TEST_F(EngineTargetVersionsTest, AVersionThatOnlyReadIsPassedOver) {
  std::shared_ptr<Tool> read = ReadTool("book");
  read->version = "v0";
  RestartWith({read});
  SetTools({Book("v1"), CancelSlot()});
  Run(Call("book"));
  SetTools({Book("v2"), CancelSlot()});
  ExpectItIsUndone();
}

// By that version the slot was a telephone number, and this call names none.
TEST_F(EngineTargetVersionsTest, AVersionThatWouldRefuseTheArgumentsIsPassedOver) {
  std::shared_ptr<Tool> odd = Book("v0");
  odd->intent.identity[0].normaliser = Normaliser::kPhone;
  RestartWith({odd, CancelSlot()});
  SetTools({Book("v1"), CancelSlot()});
  Run(Call("book"));
  ExpectItIsUndone();
}

// The scope of now is no reason to refuse what was booked without it.
TEST_F(EngineTargetVersionsTest, WhatWasBookedWithoutTheScopeOfNowIsUndone) {
  RestartWith({Book("v1"), CancelSlot()});
  Run(Call("book"));
  std::shared_ptr<Tool> scoped = Book("v2");
  scoped->intent.scope = {{.kind = ScopeKind::kAttribute, .attribute = "caller"}};
  SetTools({scoped, CancelSlot()});
  ExpectItIsUndone();
}

// A booking can be cancelled by the tool of now, although what it was booked by is stricter, or
// gone.
TEST_F(EngineTargetVersionsTest, WhatOnlyAnEarlierVersionCouldBookIsUndone) {
  std::shared_ptr<Tool> strict = Book("v2");
  strict->intent.identity[1].normaliser = Normaliser::kDate;
  const std::vector<std::vector<std::shared_ptr<const Tool>>> later = {{strict, CancelSlot()},
                                                                       {CancelSlot()}};
  for (const auto& tools : later) {
    SCOPED_TRACE(tools.size());
    ledger.Clear();
    RestartWith({Book("v1"), CancelSlot()});
    Run(Call("book"));
    SetTools(tools);
    ExpectItIsUndone();
  }
}

// Under the name of now, which is the slot alone, another provider is booked, or was refused.
class EngineTwoNamesTest : public EngineTargetVersionsTest {
 protected:
  void SetUp() override {
    RestartWith({Book("v1"), CancelSlot()});
    Run(Call("book"));
    std::shared_ptr<Tool> by_slot = Book("v2");
    by_slot->intent.identity.resize(1);
    SetTools({by_slot, CancelSlot()});
  }
  static ToolCall WithLee() {
    return Call("book", absl::StrReplaceAll(kBooking, {{"dr-kim", "dr-lee"}}));
  }
};

TEST_F(EngineTwoNamesTest, ARefusedBookingUnderOneNameHidesNoneUnderTheOther) {
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  ASSERT_EQ(Run(WithLee()).disposition, Disposition::kRejected);
  ExpectItIsUndone();
}

TEST_F(EngineTwoNamesTest, ABookingThatIsUnderWayUnderTheNameOfNowIsWaitedForFirst) {
  for (const bool is_claimed : {true, false}) {
    SCOPED_TRACE(is_claimed);
    ledger.Clear();
    SetUp();
    executor->Add("book", ScriptedExecutor::Success("{}", absl::Seconds(2)));
    if (!is_claimed) ledger.Hold();
    Start(WithLee());
    const auto cancel = Start(Call("cancel_slot", kCancelSlot));
    ledger.Release();
    sim->Advance(absl::Seconds(1));
    EXPECT_FALSE(cancel->has_value());
    EXPECT_THAT(SentTools(), ElementsAre("book", "book"));
    Settle();
    ASSERT_TRUE(cancel->has_value());
    EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
    EXPECT_EQ(ledger.intents.at(1).state, IntentState::kReversed);
    EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  }
}

// Nothing of the tool is known: it is cancelled as asked, as what was booked elsewhere is.
TEST_F(EngineTargetVersionsTest, WhatNoVersionIsKnownOfIsCancelledAsAsked) {
  RestartWith({CancelSlot()});
  EXPECT_EQ(Run(Call("cancel_slot", kCancelSlot)).disposition, Disposition::kDone);
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot"));
  EXPECT_EQ(ledger.intents.at(0).reverses_row, 0);
}

// The model is told which of its own arguments is at fault, if any is.
TEST_F(EngineTargetVersionsTest, WhatTheUndoneToolRefusesIsToldByTheArgumentItIsMadeOf) {
  struct Case {
    Json mapping;
    std::string path;
  };
  for (const Case& test :
       {Case{Json{{"slot_iso", "$.when"}}, "$.when"}, Case{Json{{"slot_iso", "tomorrow"}}, "$"},
        Case{Json{{"slot_iso", 5}}, "$"}}) {
    SCOPED_TRACE(test.mapping.dump());
    RestartWith({Book("v1"), CancelTool("cancel_slot",
                                        {.tool = "book",
                                         .identity = JsonTemplate::Parse(test.mapping).value()})});
    const Answer answer = Run(Call("cancel_slot", R"({"when":"tomorrow"})"));
    EXPECT_EQ(answer.disposition, Disposition::kInvalid);
    ASSERT_THAT(answer.invalid, SizeIs(1));
    EXPECT_EQ(answer.invalid[0].path, test.path);
    EXPECT_THAT(answer.invalid[0].expected, HasSubstr("book"));
  }
  EXPECT_THAT(executor->sent, IsEmpty());
}

}  // namespace
}  // namespace onetake::testing
