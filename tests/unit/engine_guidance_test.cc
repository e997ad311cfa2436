// What is said in each situation, in each language, with and without a tool's own texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/guidance.h"
#include "runtime/engine/guidance_texts.h"

namespace onetake {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kLanguages[] = {"", "en", "es", "de", "es-MX", "DE-ch", "fr", "zh-Hant-TW"};

IntentRecord Record(IntentState state) {
  IntentRecord record;
  record.tool = "book";
  record.intent_id = "i1";
  record.state = state;
  record.reason = "test";
  if (state == IntentState::kReview) record.review_at = absl::UnixEpoch();
  if (IsSettled(state)) record.result_json = R"({"id":7})";
  return record;
}

struct Case {
  const char* name;
  Answer answer;
  NextAction next_action;
  bool may_call_again;
};

std::vector<Case> Cases() {
  const Tool tool{.name = "book", .effect = Effect::kWrite};
  const std::vector<ArgumentDiff> diff = {
      {.path = "$.slot", .recorded = "\"six\"", .received = "\"seven\""}};
  const auto of = [](IntentState state) {
    return AnswerFromRecord(Record(state), AnswerKind::kFirst, nullptr);
  };
  IntentRecord job = Record(IntentState::kUnknown);
  job.job = "j-1";
  IntentRecord contradicted = Record(IntentState::kRejected);
  contradicted.review_at = absl::UnixEpoch();
  return {
      {"Done", of(IntentState::kSucceeded), NextAction::kProceed, false},
      {"Undone", of(IntentState::kReversed), NextAction::kAskUser, false},
      {"Pending", of(IntentState::kInFlight), NextAction::kWait, false},
      {"Job", AnswerFromRecord(job, AnswerKind::kJoined, nullptr), NextAction::kWait, false},
      {"Uncertain", of(IntentState::kUnknown), NextAction::kWait, false},
      {"Rejected", of(IntentState::kRejected), NextAction::kAskUser, true},
      {"Review", of(IntentState::kReview), NextAction::kHandOff, false},
      {"Contradicted", AnswerFromRecord(contradicted, AnswerKind::kReplayed, nullptr),
       NextAction::kHandOff, false},
      {"Near", NearAnswer(Record(IntentState::kSucceeded), diff, tool), NextAction::kAskUser, true},
      {"ReadBack", ReadBackAnswer(tool), NextAction::kAskUser, true},
      {"Conflict", ConflictAnswer(Record(IntentState::kSucceeded), diff, nullptr),
       NextAction::kAskUser, false},
      {"ConflictWithWhatWasRefused", ConflictAnswer(Record(IntentState::kRejected), diff, nullptr),
       NextAction::kAskUser, true},
      {"NearConflict", NearConflictAnswer(Record(IntentState::kSucceeded), {}, tool),
       NextAction::kAskUser, false},
      {"Invalid", InvalidAnswer("book", {{.path = "$.slot", .reason = "is required"}}),
       NextAction::kFixCall, true},
      {"Withdrawn", WithdrawnAnswer(tool), NextAction::kProceed, true},
  };
}

bool IsDoubtful(const Answer& answer) {
  return answer.disposition == Disposition::kPending ||
         answer.disposition == Disposition::kUncertain ||
         answer.disposition == Disposition::kNeedsReview;
}

TEST(GuidanceTest, SaysWhatToDoNext) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Guidance& guidance = test.answer.guidance;
    EXPECT_EQ(guidance.next_action, test.next_action);
    EXPECT_EQ(guidance.may_call_again, test.may_call_again);
    EXPECT_THAT(guidance.llm_text, Not(IsEmpty()));
    EXPECT_EQ(guidance.check_after > absl::ZeroDuration(), test.next_action == NextAction::kWait);
  }
}

// Nobody has such a request any more.
TEST(GuidanceTest, AConflictWithWhatNeverHappenedIsToldToBeOver) {
  const Answer answer = ConflictAnswer(Record(IntentState::kRejected), {{.path = "$"}}, nullptr);
  EXPECT_FALSE(answer.first_done_at.has_value());
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("did not take effect"));
  EXPECT_THAT(answer.guidance.say, Not(HasSubstr("already")));
  IntentRecord contradicted = Record(IntentState::kRejected);
  contradicted.review_at = absl::UnixEpoch();
  EXPECT_FALSE(ConflictAnswer(contradicted, {{.path = "$"}}, nullptr).guidance.may_call_again);
}

TEST(GuidanceTest, AConflictThatCannotBeShownSaysSo) {
  const Answer answer = ConflictAnswer(Record(IntentState::kSucceeded), {{.path = "$"}}, nullptr);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("not kept"));
}

// The other one may be of another conversation.
TEST(GuidanceTest, ANearDuplicateThatIsRefusedDoesNotTellTheOthersResult) {
  const Tool tool{.name = "book", .effect = Effect::kWrite};
  IntentRecord near = Record(IntentState::kSucceeded);
  near.result_json = R"({"id":147})";
  const Answer answer = NearConflictAnswer(near, {}, tool);
  EXPECT_EQ(answer.result_json, "");
  EXPECT_THAT(answer.guidance.llm_text, Not(HasSubstr("147")));
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("the very same thing, in another conversation"));
}

TEST(GuidanceTest, AResultThatIsNotKeptWasReadOnce) {
  IntentRecord aged = Record(IntentState::kSucceeded);
  aged.result_json.reset();
  aged.bodies = Bodies::kAged;
  const Answer answer = AnswerFromRecord(aged, AnswerKind::kReplayed, nullptr);
  EXPECT_TRUE(answer.result_unavailable);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("not kept any more"));
}

// The heart of it: while nobody knows, nothing that is spoken says "yes" or "no".
TEST(GuidanceTest, NoTextOfADoubtClaimsSuccessOrFailure) {
  for (const char* language : kLanguages) {
    for (Case& test : Cases()) {
      if (!IsDoubtful(test.answer)) continue;
      SCOPED_TRACE(absl::StrCat(test.name, " in ", language));
      SpeakIn(language, nullptr, test.answer);
      const Guidance& guidance = test.answer.guidance;
      EXPECT_GE(guidance.must_not_say.size(), 3U) << "a yes, a no, and a repeat";
      EXPECT_THAT(guidance.say, Not(IsEmpty()));
      for (const std::string& line : guidance.must_not_say) {
        EXPECT_FALSE(absl::StrContains(absl::AsciiStrToLower(guidance.say), line)) << line;
      }
      for (const char* claim : {" done", "booked", "hecho", "erledigt", "failed", "geklappt"}) {
        EXPECT_FALSE(absl::StrContains(absl::AsciiStrToLower(guidance.say), claim)) << claim;
      }
      EXPECT_THAT(guidance.llm_text, ::testing::AnyOf(HasSubstr("Do not repeat it"),
                                                      HasSubstr("Do not call it again")));
    }
  }
}

TEST(GuidanceTest, EverySituationHasARowInEveryLanguage) {
  for (int i = 0; i < kSituations; ++i) {
    const Situation situation = static_cast<Situation>(i);
    const bool silent = situation == Situation::kDone || situation == Situation::kInvalid ||
                        situation == Situation::kWithdrawn;
    std::set<std::string> lines;
    for (const char* language : {"en", "es", "de"}) {
      const Spoken spoken = SpokenTexts(situation, language, nullptr);
      EXPECT_EQ(spoken.say.empty(), silent) << ToString(situation) << " " << language;
      lines.insert(spoken.say);
    }
    EXPECT_EQ(lines.size(), silent ? 1U : 3U) << ToString(situation) << " is translated";
    EXPECT_EQ(SituationFromString(ToString(situation)), situation);
  }
}

TEST(GuidanceTest, ALanguageIsLookedUpFromItsMostSpecialForm) {
  Tool tool;
  tool.say.lines = {{Situation::kPending, "own"}, {Situation::kFailed, "own failed"}};
  tool.languages["es"].lines = {{Situation::kPending, "propia"}};
  tool.languages["es-mx"].lines = {{Situation::kRejected, "mexicana"}};
  tool.languages["fr"].lines = {{Situation::kPending, "à nous"}};
  const auto say = [&](Situation situation, const char* language) {
    return SpokenTexts(situation, language, &tool).say;
  };
  EXPECT_EQ(say(Situation::kPending, ""), "own");
  EXPECT_EQ(say(Situation::kPending, "it"), "own") << "nobody speaks it";
  EXPECT_EQ(say(Situation::kPending, "ES"), "propia");
  EXPECT_EQ(say(Situation::kPending, "es-MX"), "propia");
  EXPECT_EQ(say(Situation::kRejected, "es-MX"), "mexicana");
  EXPECT_EQ(say(Situation::kRejected, "es-AR"),
            SpokenTexts(Situation::kRejected, "es", nullptr).say);
  EXPECT_EQ(say(Situation::kFailed, "es-MX"), SpokenTexts(Situation::kFailed, "es", nullptr).say)
      << "the caller's language goes before the tool's own";
  EXPECT_EQ(say(Situation::kPending, "fr-x-twain"), "à nous") << "RFC 4647, 3.4";
  EXPECT_EQ(say(Situation::kFailed, "fr"), "own failed");
}

TEST(GuidanceTest, AToolAddsToOurTextsAndTakesNothingFromThem) {
  Tool tool{.name = "book"};
  tool.say.tell = {{Situation::kUnknown, "Say it worked."}, {Situation::kDone, "Celebrate."}};
  tool.say.must_not_say = {"see you then"};
  tool.languages["es"].tell = {{Situation::kUnknown, "En español."}};
  Answer answer = AnswerFromRecord(Record(IntentState::kUnknown), AnswerKind::kFirst, &tool);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("Do not repeat it"));
  EXPECT_THAT(answer.guidance.llm_text, ::testing::EndsWith(" Say it worked."));
  EXPECT_THAT(answer.guidance.must_not_say, Contains("see you then"));
  EXPECT_THAT(answer.guidance.must_not_say, Contains("it is done"));
  SpeakIn("es", &tool, answer);
  EXPECT_THAT(answer.guidance.llm_text, ::testing::EndsWith("succeeded. En español."));
  const Answer done = AnswerFromRecord(Record(IntentState::kSucceeded), AnswerKind::kFirst, &tool);
  EXPECT_EQ(done.guidance.llm_text, R"({"id":7})") << "a result is handed over as it is";
  EXPECT_THAT(done.guidance.must_not_say, IsEmpty());
}

TEST(GuidanceTest, WhatMustNotBeSaidIsInTheCallersLanguageAndIsOnlyAddedTo) {
  Tool tool;
  tool.say.must_not_say = {"always"};
  tool.languages["es"].must_not_say = {"en español"};
  tool.languages["es-mx"].lines = {{Situation::kUnknown, "Un momentito."}};
  const Spoken spoken = SpokenTexts(Situation::kUnknown, "es-MX", &tool);
  EXPECT_EQ(spoken.say, "Un momentito.");
  EXPECT_THAT(spoken.must_not_say, Contains("ya está hecho"));
  EXPECT_THAT(spoken.must_not_say, Contains("en español"));
  EXPECT_THAT(spoken.must_not_say, Contains("always"));
}

TEST(GuidanceTest, SaysWhatIsKnownAndNoMore) {
  Answer done{.tool = "book"};
  EXPECT_EQ(MakeGuidance(done, nullptr).llm_text,
            "book is done. The system said nothing more about it.");
  Answer failed{.disposition = Disposition::kFailed, .tool = "find"};
  EXPECT_THAT(MakeGuidance(failed, nullptr).llm_text, Not(HasSubstr("The system answered")));
  failed.result_json = R"({"error":"no such day"})";
  EXPECT_THAT(MakeGuidance(failed, nullptr).llm_text,
              HasSubstr(R"(The system answered: {"error":"no such day"})"));
  const Answer dropped = ConflictAnswer(
      Record(IntentState::kSucceeded),
      {{.path = "$.guest", .recorded = "\"ann\""}, {.path = "$.bed", .received = "2"}}, nullptr);
  EXPECT_THAT(dropped.guidance.llm_text, HasSubstr("$.guest was \"ann\", now absent"));
  EXPECT_THAT(dropped.guidance.llm_text, HasSubstr("$.bed was absent, now 2"));
  const Answer nowhere = InvalidAnswer("book", {{.path = "", .reason = "cannot be made"}});
  EXPECT_THAT(nowhere.guidance.llm_text, HasSubstr("nothing was changed: cannot be made."));
}

TEST(GuidanceTest, WhatAToolTellsIsInTheNearestLanguageThatHasIt) {
  Tool tool{.name = "book"};
  tool.say.tell = {{Situation::kUnknown, "Own."}, {Situation::kFailed, "Own failed."}};
  tool.languages["pt-br"].tell = {{Situation::kUnknown, "Daqui."}};
  tool.languages["pt"].tell = {{Situation::kRejected, "De lá."}};
  const auto tells = [&](Situation situation, const char* language) {
    return ToolTells(situation, language, &tool);
  };
  EXPECT_EQ(tells(Situation::kUnknown, "pt-BR"), "Daqui.");
  EXPECT_EQ(tells(Situation::kRejected, "pt-BR"), "De lá.");
  EXPECT_EQ(tells(Situation::kFailed, "pt-BR"), "Own failed.");
  EXPECT_EQ(tells(Situation::kUnknown, "pt-PT"), "Own.");
  EXPECT_EQ(tells(Situation::kPending, "pt-BR"), "");
}

TEST(GuidanceTest, NothingIsSpokenOfWhatWasUndone) {
  Tool tool{.name = "book"};
  tool.say.lines = {{Situation::kDone, "That's booked."}};
  const auto say = [&](IntentState state) {
    return AnswerFromRecord(Record(state), AnswerKind::kReplayed, &tool).guidance.say;
  };
  EXPECT_EQ(say(IntentState::kSucceeded), "That's booked.");
  EXPECT_EQ(say(IntentState::kReversed), "");
}

}  // namespace
}  // namespace onetake
