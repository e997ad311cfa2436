// Near duplicates, tools that are read back first, and the token that confirms both (R15).
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/engine/confirm_token.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const std::string kAtSix = std::string(kBooking);
// All of it is identity.
const std::string kNothingGuarded =
    R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","notes":"as I said"})";
const std::string kAtHalfPastSix = absl::StrReplaceAll(kBooking, {{"14:00", "14:30"}});

class EngineConfirmTest : public EngineFixture {
 protected:
  EngineConfirmTest() { SetTools(NearSpec::Action::kConfirm); }

  void SetTools(NearSpec::Action action) {
    auto near = BookingTool("near", {.keyed = true, .key_retention = absl::Hours(24)});
    near->intent.near = NearSpec{.same = {{.path = "$.patient_id", .name = "patient_id"}},
                                 .window = absl::Minutes(10),
                                 .action = action};
    auto read_back = BookingTool("read_back", {});
    read_back->confirm = ConfirmRule::kAlways;
    auto undo = BookingTool("undo", {.natural = true});
    undo->reverses = ReversesSpec{
        .tool = "near",
        .identity =
            JsonTemplate::Parse(Json{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}})
                .value()};
    auto undo_read_back = BookingTool("undo_read_back", {.natural = true});
    undo_read_back->reverses = *undo->reverses;
    undo_read_back->reverses->tool = "read_back";
    auto undo_carefully = std::make_shared<Tool>(*undo);
    undo_carefully->name = "undo_carefully";
    undo_carefully->confirm = ConfirmRule::kAlways;
    auto careful = std::make_shared<Tool>(*near);
    careful->name = "careful";
    careful->confirm = ConfirmRule::kAlways;
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        near, read_back, undo, undo_read_back, undo_carefully, careful}));
  }

  static ToolCall InTurn(ToolCall call, std::string turn, std::string token = "") {
    call.turn_id = std::move(turn);
    call.confirm_token = std::move(token);
    return call;
  }
};

// Edge cases 5 and 35
TEST_F(EngineConfirmTest, ANearDuplicateIsAskedAboutAndNotSent) {
  Run(Call("near", kAtSix));
  const Answer answer = Run(Call("near", kAtHalfPastSix));
  EXPECT_EQ(answer.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(answer.reason, "R15.near_duplicate");
  ASSERT_THAT(answer.conflicts, SizeIs(1));
  EXPECT_EQ(answer.conflicts[0].path, "$.slot_iso");
  EXPECT_EQ(answer.conflicts[0].recorded, R"("2026-06-24T14:00:00-05:00")");
  EXPECT_EQ(answer.conflicts[0].received, R"("2026-06-24T14:30:00-05:00")");
  EXPECT_EQ(answer.intent->id, ledger.intents[0].intent_id);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("That one took effect"));
  EXPECT_EQ(answer.guidance.next_action, NextAction::kAskUser);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineConfirmTest, TheTokenMakesItRun) {
  Run(InTurn(Call("near", kAtSix), "turn-1"));
  const Answer asked = Run(InTurn(Call("near", kAtHalfPastSix), "turn-1"));
  const Answer answer = Run(InTurn(Call("near", kAtHalfPastSix), "turn-2", asked.confirm_token));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_THAT(executor->effects, SizeIs(2));
}

// Edge case 36
TEST_F(EngineConfirmTest, AModelThatRepeatsItselfInTheSameTurnConfirmsNothing) {
  Run(InTurn(Call("near", kAtSix), "turn-1"));
  const Answer asked = Run(InTurn(Call("near", kAtHalfPastSix), "turn-1"));
  for (const char* turn : {"turn-1", ""}) {
    const Answer again = Run(InTurn(Call("near", kAtHalfPastSix), turn, asked.confirm_token));
    EXPECT_EQ(again.disposition, Disposition::kNeedsConfirmation) << turn;
    EXPECT_EQ(again.reason, "confirm.same_turn");
  }
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineConfirmTest, ATokenThatIsRefusedIsSaidToBeAndWhy) {
  Run(InTurn(Call("near", kAtSix), "turn-1"));
  const Answer asked = Run(InTurn(Call("near", kAtHalfPastSix), "turn-1"));
  EXPECT_THAT(asked.guidance.llm_text, Not(HasSubstr("confirm_token")));
  const auto told = [&](const std::string& turn, const std::string& token) {
    return Run(InTurn(Call("near", kAtHalfPastSix), turn, token)).guidance.llm_text;
  };
  EXPECT_THAT(told("turn-1", asked.confirm_token),
              HasSubstr("The confirm_token was not accepted: the caller has not spoken since"));
  EXPECT_THAT(told("turn-2", "made up"), HasSubstr("it is not of a question about this call"));
  EXPECT_THAT(told("turn-2", "made up"), Not(HasSubstr("made up")));
  ToolCall late = Call("read_back");
  late.confirm_token = Run(late).confirm_token;
  sim->Advance(kConfirmFor);
  EXPECT_THAT(Run(late).guidance.llm_text, HasSubstr("it is older than 10 minutes"));
}

// Edge case 40
TEST_F(EngineConfirmTest, ATokenIsForTheArgumentsThatTheUserConfirmed) {
  Run(Call("near", kAtSix));
  const Answer asked = Run(Call("near", kAtHalfPastSix));
  ToolCall other = Call("near", absl::StrReplaceAll(kBooking, {{"14:00", "15:00"}}));
  other.confirm_token = asked.confirm_token;
  EXPECT_EQ(Run(other).reason, "confirm.other_arguments");
  ToolCall reworded =
      Call("near", absl::StrReplaceAll(kAtHalfPastSix, {{"}", R"(,"notes":"x"})"}}));
  reworded.confirm_token = asked.confirm_token;
  EXPECT_EQ(Run(reworded).disposition, Disposition::kDone) << "ignored arguments may differ";
}

// R15: the yes was to the read-back; of the booking that was made meanwhile nobody spoke.
TEST_F(EngineConfirmTest, ATokenIsForTheQuestionThatWasAsked) {
  ToolCall call = Call("careful", kAtHalfPastSix);
  call.confirm_token = Run(call).confirm_token;
  ToolCall other = Call("careful", kAtSix);
  other.session_id = "call-18";
  other.confirm_token = Run(other).confirm_token;
  EXPECT_EQ(Run(other).disposition, Disposition::kDone);
  const Answer again = Run(call);
  EXPECT_EQ(again.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(again.reason, "confirm.another_question");
  EXPECT_THAT(again.conflicts, SizeIs(1));
  call.confirm_token = again.confirm_token;
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
}

// Edge cases 36 and 40: one yes makes one booking, not another one after its cancellation.
TEST_F(EngineConfirmTest, ATokenIsUsedUpByWhatItMade) {
  ToolCall call = Call("read_back");
  call.confirm_token = Run(call).confirm_token;
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
  EXPECT_EQ(Run(Call("undo_read_back")).disposition, Disposition::kDone);
  const Answer again = Run(call);
  EXPECT_EQ(again.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(again.reason, "confirm.used");
  call.confirm_token = again.confirm_token;
  EXPECT_EQ(Run(call).intent->generation, 2);
}

// Edge case 36: nobody has said yes to the cancellation of what was booked since.
TEST_F(EngineConfirmTest, ATokenThatMadeACancellationMakesNoOther) {
  Run(Call("near"));
  ToolCall cancel = Call("undo_carefully");
  cancel.confirm_token = Run(cancel).confirm_token;
  EXPECT_EQ(Run(cancel).disposition, Disposition::kDone);
  EXPECT_EQ(Run(Call("near")).intent->generation, 2);
  const Answer again = Run(cancel);
  EXPECT_EQ(again.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(again.reason, "confirm.used");
  cancel.confirm_token = again.confirm_token;
  EXPECT_EQ(Run(cancel).intent->generation, 2);
}

// Edge case 40: nothing was made, so the user need not say it again.
TEST_F(EngineConfirmTest, ARefusalDoesNotUseATokenUp) {
  executor->Add("read_back", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  ToolCall call = Call("read_back");
  call.confirm_token = Run(call).confirm_token;
  EXPECT_EQ(Run(call).disposition, Disposition::kRejected);
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
}

// What was booked and answered between this call's look-up and its claim is near, too.
TEST_F(EngineConfirmTest, WhatCameAndWentDuringTheLookUpIsNear) {
  ledger.HoldLookups();
  const auto second = Start(Call("near", kAtHalfPastSix));
  ledger.HoldNoMoreLookups();
  EXPECT_EQ(Run(Call("near", kAtSix)).disposition, Disposition::kDone);
  ledger.ReleaseLookups();
  sim->Advance(absl::Seconds(5));
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second)->disposition, Disposition::kNeedsConfirmation);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

// Edge case 40
TEST_F(EngineConfirmTest, ATokenExpires) {
  Run(Call("near", kAtSix));
  ToolCall late = Call("near", kAtHalfPastSix);
  late.confirm_token = Run(late).confirm_token;
  sim->Advance(absl::Minutes(9));
  Run(Call("near", absl::StrReplaceAll(kBooking, {{"14:00", "16:00"}})));
  sim->Advance(absl::Minutes(1));
  const Answer answer = Run(late);
  // The first booking is no longer recent, so nothing is left to confirm.
  EXPECT_EQ(answer.disposition, Disposition::kDone);
}

TEST_F(EngineConfirmTest, AnExpiredTokenIsAskedForAgain) {
  ToolCall call = Call("read_back");
  call.confirm_token = Run(call).confirm_token;
  sim->Advance(absl::Minutes(10) + absl::Seconds(1));
  const Answer again = Run(call);
  EXPECT_EQ(again.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(again.reason, "confirm.expired");
  call.confirm_token = again.confirm_token;
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
}

TEST_F(EngineConfirmTest, TwoNearCallsAtTheSameMomentAreOneToo) {
  ledger.Hold();
  const auto first = Start(Call("near", kAtSix));
  const auto second = Start(Call("near", kAtHalfPastSix));
  ledger.Release();
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ((**first)->disposition, Disposition::kDone);
  EXPECT_EQ((**second)->disposition, Disposition::kNeedsConfirmation);
  EXPECT_THAT((**second)->guidance.llm_text, HasSubstr("still running"));
}

TEST_F(EngineConfirmTest, TheSameWishIsNoNearDuplicateOfItself) {
  Run(Call("near", kAtSix));
  const Answer again = Run(Call("near", kAtSix));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_TRUE(again.replayed);
}

// Edge case 37
TEST_F(EngineConfirmTest, ACallBackInAnotherConversationIsNearToo) {
  Run(Call("near", kAtSix));
  ToolCall call_back = Call("near", kAtSix);
  call_back.session_id = "call-18";
  const Answer answer = Run(call_back);
  EXPECT_EQ(answer.disposition, Disposition::kNeedsConfirmation);
  EXPECT_THAT(answer.conflicts, IsEmpty());
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("another conversation"));
}

TEST_F(EngineConfirmTest, ItSurvivesARestart) {
  Run(Call("near", kAtSix));
  const std::string token = Run(Call("near", kAtHalfPastSix)).confirm_token;
  Restart();
  SetTools(NearSpec::Action::kConfirm);
  ToolCall call = Call("near", kAtHalfPastSix);
  EXPECT_EQ(Run(call).disposition, Disposition::kNeedsConfirmation);
  call.confirm_token = token;
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
}

TEST_F(EngineConfirmTest, WhatIsOldOrHadNoEffectIsNotNear) {
  executor->Add("near", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Call("near", kAtSix)).disposition, Disposition::kRejected);
  EXPECT_EQ(Run(Call("near", kAtHalfPastSix)).disposition, Disposition::kDone);
  sim->Advance(absl::Minutes(11));
  EXPECT_EQ(Run(Call("near", kAtSix)).disposition, Disposition::kDone);
}

TEST_F(EngineConfirmTest, WhatWasUndoneIsNotNear) {
  Run(Call("near", kAtSix));
  EXPECT_EQ(Run(Call("undo", kAtSix)).disposition, Disposition::kDone);
  EXPECT_EQ(Run(Call("near", kAtHalfPastSix)).disposition, Disposition::kDone);
}

TEST_F(EngineConfirmTest, WhatIsInDoubtStaysNearHoweverOldItIs) {
  auto none = BookingTool("near", {});
  none->intent.near = NearSpec{.same = {{.path = "$.patient_id", .name = "patient_id"}}};
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{none}));
  executor->Add("near", ScriptedExecutor::LostAfterEffect());
  EXPECT_EQ(Run(Call("near", kAtSix)).disposition, Disposition::kNeedsReview);
  sim->Advance(absl::Hours(2));
  const Answer answer = Run(Call("near", kAtHalfPastSix));
  EXPECT_EQ(answer.disposition, Disposition::kNeedsConfirmation);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("may have taken effect"));
}

// Edge case 5
TEST_F(EngineConfirmTest, ADeclaredOccurrenceIsItsOwnEvidence) {
  auto none = BookingTool("near", {});
  none->intent.near = NearSpec{.same = {{.path = "$.patient_id", .name = "patient_id"}}};
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{none}));
  Run(Call("near", kAtSix));
  ToolCall second = Call("near", kAtSix);
  second.occurrence = 1;
  second.turn_id = "turn-2";
  EXPECT_EQ(Run(second).disposition, Disposition::kDone);
  EXPECT_THAT(executor->effects, SizeIs(2));
}

TEST_F(EngineConfirmTest, ARuleThatRejectsRefusesWithTheDifference) {
  SetTools(NearSpec::Action::kReject);
  Run(Call("near", kAtSix));
  for (int delivery = 0; delivery < 2; ++delivery) {
    const Answer answer = Run(Call("near", kAtHalfPastSix, "near-1"));
    EXPECT_EQ(answer.disposition, Disposition::kConflict);
    EXPECT_EQ(answer.reason, "R15.near_duplicate");
    EXPECT_FALSE(answer.guidance.may_call_again);
  }
  EXPECT_THAT(executor->effects, SizeIs(1));
  Run(Call("undo", kAtSix));
  const Answer again = Run(Call("near", kAtHalfPastSix, "near-1"));
  EXPECT_THAT(again.guidance.llm_text, HasSubstr("was undone or replaced since"));
  EXPECT_TRUE(again.guidance.may_call_again);
}

TEST_F(EngineConfirmTest, AToolThatIsReadBackRunsAfterTheYesOnly) {
  ToolCall call = InTurn(Call("read_back"), "turn-1");
  const Answer asked = Run(call);
  EXPECT_EQ(asked.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(asked.reason, "confirm.always");
  EXPECT_FALSE(asked.intent.has_value());
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_EQ(Run(InTurn(Call("read_back"), "turn-2", asked.confirm_token)).disposition,
            Disposition::kDone);
  EXPECT_TRUE(Run(InTurn(Call("read_back"), "turn-3")).replayed) << "what is done needs no yes";
}

// The yes may come with the tool_call_id that was asked about.
TEST_F(EngineConfirmTest, TheSameDeliveryMayComeAgainConfirmed) {
  ToolCall call = Call("read_back", kAtSix, "toolu_1");
  call.confirm_token = Run(call).confirm_token;
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

// Else it would be good for as long as the clock was ahead, and the 10 minutes.
TEST_F(EngineConfirmTest, AYesFromBeforeTheClockWasSetBackCountsNoMore) {
  ToolCall call = Call("read_back");
  call.confirm_token = Run(call).confirm_token;
  for (const auto& [back, disposition] :
       {std::pair{absl::Minutes(2), Disposition::kNeedsConfirmation},
        std::pair{absl::Seconds(30), Disposition::kDone}}) {
    sim->Jump(-back);
    EXPECT_EQ(Run(call).disposition, disposition) << back;
    sim->Jump(back);
  }
}

// Guidance finds its text by the name.
TEST(ConfirmVerdictTest, EachHasANameOfItsOwn) {
  std::set<absl::string_view> names;
  for (int i = 0; i <= static_cast<int>(ConfirmVerdict::kSameTurn); ++i) {
    names.insert(ToString(static_cast<ConfirmVerdict>(i)));
  }
  EXPECT_THAT(names, SizeIs(7));
  EXPECT_TRUE(names.contains("confirm.confirmed"));
}

TEST_F(EngineConfirmTest, ATokenOfOurFormThatWeDidNotMakeIsNone) {
  ToolCall call = Call("read_back");
  const std::string token = Run(call).confirm_token;
  for (size_t i = 0; i < token.size(); ++i) {
    call.confirm_token = token;
    call.confirm_token[i] = token[i] == '9' ? '8' : '9';
    EXPECT_EQ(Run(call).disposition, Disposition::kNeedsConfirmation) << i;
  }
  for (const char* made_up : {"now.a.b.c", "1.2.3", "...", "1.2.3.4.5"}) {
    call.confirm_token = made_up;
    EXPECT_EQ(Run(call).reason, "confirm.other_arguments") << made_up;
  }
  call.confirm_token = std::string(129, 'x');
  EXPECT_THAT(RunStatus(call),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("confirm_token")));
}

// Edge case 15
TEST_F(EngineConfirmTest, AfterARestoreAWriteThatMayDoMoreThanItsIdentitySaysIsConfirmedFirst) {
  RestartUnsure(absl::Hours(24));
  const Answer asked = Run(Call("none"));
  EXPECT_EQ(asked.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(asked.reason, "restore.forgotten");
  EXPECT_THAT(asked.guidance.llm_text, HasSubstr("not known whether none was done already"));
  EXPECT_THAT(asked.guidance.say, HasSubstr("confirmation"));
  EXPECT_THAT(asked.guidance.must_not_say, ::testing::Contains("nothing was done"));
  EXPECT_THAT(executor->sent, SizeIs(0));
  ToolCall stale = Call("none");
  stale.confirm_token = "x";
  EXPECT_THAT(Run(std::move(stale)).guidance.llm_text,
              ::testing::AllOf(HasSubstr("was done already"), HasSubstr("not accepted")));
  EXPECT_EQ(Run(Call("natural", kNothingGuarded)).disposition, Disposition::kDone);
  ToolCall confirmed = Call("none");
  confirmed.turn_id = "turn-2";
  confirmed.confirm_token = asked.confirm_token;
  EXPECT_EQ(Run(std::move(confirmed)).disposition, Disposition::kDone);
  EXPECT_TRUE(Run(Call("none")).replayed);  // what is on record is known
}

// The clock of a machine that was put back, too, may be behind until it is set.
TEST_F(EngineConfirmTest, AfterARestoreAClockThatIsSetRightEndsNoConfirmation) {
  RestartUnsure(absl::Hours(24));
  sim->Jump(absl::Hours(25));
  EXPECT_EQ(Run(Call("none")).reason, "restore.forgotten");
  sim->Advance(absl::Hours(25));
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone);
}

// One yes answers both questions.
TEST_F(EngineConfirmTest, AfterARestoreANearDuplicateIsAskedAboutAsWell) {
  Run(Call("near", kAtSix));
  RestartUnsure(absl::Hours(24));
  SetTools(NearSpec::Action::kConfirm);
  const Answer asked = Run(Call("near", kAtHalfPastSix));
  EXPECT_EQ(asked.disposition, Disposition::kNeedsConfirmation);
  EXPECT_THAT(asked.guidance.llm_text, HasSubstr("was called for the same subject"));
  EXPECT_THAT(asked.guidance.llm_text, HasSubstr("was done already"));
}

TEST_F(EngineConfirmTest, AfterARestoreWhatWasNotGivenIsNotConfirmed) {
  unsure_for = absl::Hours(24);
  std::shared_ptr<Tool> nested = BookingTool("nested", {.natural = true});
  nested->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  nested->intent.identity = {{"$.slot.start", "start", Normaliser::kInstant}};
  RestartWith({nested});
  const auto reason = [this](int hour, absl::string_view rest) {
    return Run(Call("nested", absl::StrCat(R"({"slot":{"start":"2026-06-24T)", hour,
                                           R"(:00:00-05:00")", rest, "}")))
        .reason;
  };
  EXPECT_EQ(reason(14, R"(},"room":null)"), "table.success");
  EXPECT_EQ(reason(15, R"(,"end":"15:00"})"), "restore.forgotten");
  EXPECT_EQ(reason(16, R"(},"guests":[])"), "restore.forgotten") << "there may have been some";
}

// The same intent may have been done for another patient: that is not the same state.
TEST_F(EngineConfirmTest, AfterARestoreTheSameRequestIsNotKnownToBeTheOneOfThen) {
  RestartUnsure(absl::Hours(24));
  EXPECT_EQ(Run(Call("natural")).reason, "restore.forgotten");
  ToolCall named = Call("natural", kNothingGuarded);
  named.intent_id = "the first of two";
  EXPECT_EQ(Run(std::move(named)).reason, "restore.forgotten");
  EXPECT_THAT(executor->sent, SizeIs(0));
}

// Its first generation may have been refused, and a second one, forgotten too, booked with the key
// of that.
TEST_F(EngineConfirmTest, AfterARestoreTheKeyOfAForgottenIntentProtectsNoMore) {
  RestartUnsure(absl::Hours(24));
  ToolCall call = Call("keyed");
  const Answer asked = Run(call);
  EXPECT_EQ(asked.reason, "restore.forgotten");
  EXPECT_THAT(executor->sent, SizeIs(0));
  call.turn_id = "turn-2";
  call.confirm_token = asked.confirm_token;
  EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kDone);
}

// What it made is forgotten, and so is that it was used.
TEST_F(EngineConfirmTest, AfterARestoreAYesFromBeforeMakesNothing) {
  ToolCall call = Call("read_back");
  call.confirm_token = Run(call).confirm_token;
  ASSERT_EQ(Run(call).disposition, Disposition::kDone);
  ledger.Clear();
  restored_at = sim->Now();
  RestartUnsure(absl::Hours(24));
  SetTools(NearSpec::Action::kConfirm);
  sim->Advance(absl::Minutes(2));
  const Answer asked = Run(call);
  EXPECT_EQ(asked.disposition, Disposition::kNeedsConfirmation);
  EXPECT_EQ(asked.reason, "confirm.used");
  EXPECT_THAT(executor->sent, IsEmpty());
  call.confirm_token = asked.confirm_token;
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
}

// All calls of it make one state, whatever they say, unless there is more than one wish.
TEST_F(EngineConfirmTest, AfterARestoreOneStateIsMadeUnasked) {
  unsure_for = absl::Hours(24);
  auto all = BookingTool("all", {.keyed = true, .natural = true, .key_retention = absl::Hours(24)});
  all->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  all->intent.identity = {};
  auto first = BookingTool("first", {.natural = true});
  first->parameters = all->parameters;
  first->intent.identity = {{"$.slots[0]", "slot", Normaliser::kInstant}};
  RestartWith({all, first});
  EXPECT_EQ(Run(Call("all")).reason, "table.success");
  ToolCall second_wish = Call("all");
  second_wish.turn_id = "turn-2";
  second_wish.occurrence = 1;
  EXPECT_EQ(Run(std::move(second_wish)).reason, "restore.forgotten");
  EXPECT_EQ(Run(Call("first", R"({"slots":["2026-06-24T14:00:00Z",null]})")).reason,
            "table.success");
  EXPECT_EQ(Run(Call("first", R"({"slots":["2026-06-25T14:00:00Z","or later"]})")).reason,
            "restore.forgotten");
}

TEST_F(EngineConfirmTest, SomeTimeAfterARestoreNobodyIsAskedAnyMore) {
  RestartUnsure(absl::Hours(24));
  sim->Advance(absl::Hours(25));
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone);
}

}  // namespace
}  // namespace onetake::testing
