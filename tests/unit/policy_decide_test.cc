#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "runtime/policy/policy.h"
#include "runtime/policy/rules.h"

namespace onetake {
namespace {

using F = FailureKind;

constexpr std::array kFailures = {F::kNotSent,         F::kRefusedUnprocessed,
                                  F::kDefiniteRefusal, F::kKeyInUse,
                                  F::kKeyReused,       F::kServerError,
                                  F::kReplayedError,   F::kLost,
                                  F::kBodyUnreadable,  F::kCrash,
                                  F::kRetentionOver,   F::kAlreadyGone};

// The columns of the table, and the combinations of them.
struct Column {
  const char* name;
  Effect effect;
  RetrySafety safety;
};
const std::array kColumns = {
    Column{"READ", Effect::kRead, {}},
    Column{"KEYED", Effect::kWrite, {.keyed = true}},
    Column{"NATURAL", Effect::kWrite, {.natural = true}},
    Column{"KEYED+NATURAL", Effect::kWrite, {.keyed = true, .natural = true}},
    Column{"KEYED+PROBED", Effect::kWrite, {.keyed = true, .probed = true}},
    Column{"NATURAL+PROBED", Effect::kWrite, {.natural = true, .probed = true}},
    Column{
        "KEYED+NATURAL+PROBED", Effect::kWrite, {.keyed = true, .natural = true, .probed = true}},
    Column{"PROBED", Effect::kWrite, {.probed = true}},
    Column{"NONE", Effect::kWrite, {}},
};

// What happened before; short names, so that a row stays a line.
constexpr AttemptHistory kFirst{};
constexpr AttemptHistory kAfterAmbiguous{.earlier_ambiguous = true};
constexpr AttemptHistory kLimit{.may_send_again = false};
constexpr AttemptHistory kLimitAfterAmbiguous{.earlier_ambiguous = true, .may_send_again = false};
constexpr AttemptHistory kForgotten{.retention_over = true};
constexpr AttemptHistory kForgottenAfterAmbiguous{.earlier_ambiguous = true,
                                                  .retention_over = true};
constexpr AttemptHistory kHappened{.earlier_ambiguous = true, .earlier_happened = true};
constexpr AttemptHistory kLimitHappened{
    .earlier_ambiguous = true, .may_send_again = false, .earlier_happened = true};

constexpr Action kAgain = Action::kRetry;
constexpr Action kAfter = Action::kRetryAfter;
constexpr Action kFail = Action::kFail;
constexpr Action kReject = Action::kReject;
constexpr Action kProbe = Action::kProbe;
constexpr Action kReview = Action::kReview;
constexpr Action kDone = Action::kSucceed;

struct Row {
  std::string name;
  F failure;
  AttemptHistory history;
  std::array<Action, kColumns.size()> actions;
};

class DecideTest : public ::testing::TestWithParam<Row> {};

TEST_P(DecideTest, FollowsTheTable) {
  for (size_t i = 0; i < kColumns.size(); ++i) {
    const Decision decision =
        Decide(kColumns[i].effect, kColumns[i].safety, GetParam().failure, GetParam().history);
    EXPECT_EQ(ToString(decision.action), ToString(GetParam().actions[i])) << kColumns[i].name;
    EXPECT_FALSE(decision.rule.empty()) << kColumns[i].name;
  }
}

std::string RowName(const ::testing::TestParamInfo<Row>& info) { return info.param.name; }

// clang-format off
// Column order:                                                                READ     KEYED    NATURAL  K+N      K+P      N+P      K+N+P    PROBED   NONE
// The table of design section 3, row by row.
INSTANTIATE_TEST_SUITE_P(Design, DecideTest, ::testing::Values(
    Row{"NotSent",               F::kNotSent,            kFirst,                   {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain}},
    Row{"RefusedUnprocessed",    F::kRefusedUnprocessed, kFirst,                   {kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter}},
    Row{"DefiniteRefusal",       F::kDefiniteRefusal,    kFirst,                   {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"AlreadyGone",           F::kAlreadyGone,        kFirst,                   {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"KeyInUse",              F::kKeyInUse,           kFirst,                   {kFail,   kAfter,  kReject, kAfter,  kAfter,  kReject, kAfter,  kReject, kReject}},
    Row{"KeyReused",             F::kKeyReused,          kFirst,                   {kFail,   kReview, kReview, kReview, kReview, kReview, kReview, kReview, kReview}},
    Row{"ServerError",           F::kServerError,        kFirst,                   {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"ReplayedError",         F::kReplayedError,      kFirst,                   {kAgain,  kReview, kAgain,  kReview, kProbe,  kAgain,  kProbe,  kProbe,  kReview}},
    Row{"Lost",                  F::kLost,               kFirst,                   {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"BodyUnreadable",        F::kBodyUnreadable,     kFirst,                   {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kDone,   kDone}},
    Row{"Crash",                 F::kCrash,              kFirst,                   {kFail,   kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"RetentionOver",         F::kRetentionOver,      kFirst,                   {kFail,   kReview, kAgain,  kAgain,  kProbe,  kAgain,  kAgain,  kProbe,  kReview}}),
    RowName);

// R14: no refusal, and no attempt that was not processed, is proof about an earlier ambiguous one.
INSTANTIATE_TEST_SUITE_P(AfterAmbiguous, DecideTest, ::testing::Values(
    Row{"NotSent",               F::kNotSent,            kAfterAmbiguous,          {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"RefusedUnprocessed",    F::kRefusedUnprocessed, kAfterAmbiguous,          {kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kProbe,  kReview}},
    Row{"DefiniteRefusal",       F::kDefiniteRefusal,    kAfterAmbiguous,          {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"AlreadyGone",           F::kAlreadyGone,        kAfterAmbiguous,          {kFail,   kReview, kDone,   kDone,   kProbe,  kDone,   kDone,   kProbe,  kReview}},
    Row{"KeyInUse",              F::kKeyInUse,           kAfterAmbiguous,          {kFail,   kAfter,  kReview, kAfter,  kAfter,  kProbe,  kAfter,  kProbe,  kReview}},
    Row{"KeyReused",             F::kKeyReused,          kAfterAmbiguous,          {kFail,   kReview, kReview, kReview, kReview, kReview, kReview, kReview, kReview}},
    Row{"ServerError",           F::kServerError,        kAfterAmbiguous,          {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"ReplayedError",         F::kReplayedError,      kAfterAmbiguous,          {kAgain,  kReview, kAgain,  kReview, kProbe,  kAgain,  kProbe,  kProbe,  kReview}},
    Row{"Lost",                  F::kLost,               kAfterAmbiguous,          {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"BodyUnreadable",        F::kBodyUnreadable,     kAfterAmbiguous,          {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kDone,   kDone}},
    Row{"Crash",                 F::kCrash,              kAfterAmbiguous,          {kFail,   kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"RetentionOver",         F::kRetentionOver,      kAfterAmbiguous,          {kFail,   kReview, kAgain,  kAgain,  kProbe,  kAgain,  kAgain,  kProbe,  kReview}}),
    RowName);

// Attempts, time or budget are used up: nothing is sent again.
INSTANTIATE_TEST_SUITE_P(LimitReached, DecideTest, ::testing::Values(
    Row{"NotSent",               F::kNotSent,            kLimit,                   {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"RefusedUnprocessed",    F::kRefusedUnprocessed, kLimit,                   {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"DefiniteRefusal",       F::kDefiniteRefusal,    kLimit,                   {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"AlreadyGone",           F::kAlreadyGone,        kLimit,                   {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"KeyInUse",              F::kKeyInUse,           kLimit,                   {kFail,   kReview, kReject, kReview, kProbe,  kReject, kProbe,  kReject, kReject}},
    Row{"KeyReused",             F::kKeyReused,          kLimit,                   {kFail,   kReview, kReview, kReview, kReview, kReview, kReview, kReview, kReview}},
    Row{"ServerError",           F::kServerError,        kLimit,                   {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"ReplayedError",         F::kReplayedError,      kLimit,                   {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"Lost",                  F::kLost,               kLimit,                   {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"BodyUnreadable",        F::kBodyUnreadable,     kLimit,                   {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}},
    Row{"Crash",                 F::kCrash,              kLimit,                   {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"RetentionOver",         F::kRetentionOver,      kLimit,                   {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}}),
    RowName);

INSTANTIATE_TEST_SUITE_P(LimitReachedAfterAmbiguous, DecideTest, ::testing::Values(
    Row{"NotSent",               F::kNotSent,            kLimitAfterAmbiguous,     {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"RefusedUnprocessed",    F::kRefusedUnprocessed, kLimitAfterAmbiguous,     {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"DefiniteRefusal",       F::kDefiniteRefusal,    kLimitAfterAmbiguous,     {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"AlreadyGone",           F::kAlreadyGone,        kLimitAfterAmbiguous,     {kFail,   kReview, kDone,   kDone,   kProbe,  kDone,   kDone,   kProbe,  kReview}},
    Row{"KeyInUse",              F::kKeyInUse,           kLimitAfterAmbiguous,     {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"Lost",                  F::kLost,               kLimitAfterAmbiguous,     {kFail,   kReview, kReview, kReview, kProbe,  kProbe,  kProbe,  kProbe,  kReview}},
    Row{"BodyUnreadable",        F::kBodyUnreadable,     kLimitAfterAmbiguous,     {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}}),
    RowName);

// The downstream has forgotten the key: what rested on it may not be sent again once it may have
// happened; NATURAL never rested on it.
INSTANTIATE_TEST_SUITE_P(RetentionOver, DecideTest, ::testing::Values(
    Row{"NotSent",               F::kNotSent,            kForgotten,               {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain}},
    Row{"RefusedUnprocessed",    F::kRefusedUnprocessed, kForgotten,               {kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter}},
    Row{"DefiniteRefusal",       F::kDefiniteRefusal,    kForgotten,               {kFail,   kReject, kReject, kReject, kReject, kReject, kReject, kReject, kReject}},
    Row{"KeyInUse",              F::kKeyInUse,           kForgotten,               {kFail,   kReview, kReject, kAfter,  kProbe,  kReject, kAfter,  kReject, kReject}},
    Row{"ServerError",           F::kServerError,        kForgotten,               {kAgain,  kReview, kAgain,  kAgain,  kProbe,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"Lost",                  F::kLost,               kForgotten,               {kAgain,  kReview, kAgain,  kAgain,  kProbe,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"BodyUnreadable",        F::kBodyUnreadable,     kForgotten,               {kAgain,  kDone,   kAgain,  kAgain,  kDone,   kAgain,  kAgain,  kDone,   kDone}},
    Row{"Crash",                 F::kCrash,              kForgotten,               {kFail,   kReview, kAgain,  kAgain,  kProbe,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"NotSentAfterAmbiguous", F::kNotSent,            kForgottenAfterAmbiguous, {kAgain,  kReview, kAgain,  kAgain,  kProbe,  kAgain,  kAgain,  kProbe,  kReview}},
    Row{"RefusedAfterAmbiguous", F::kRefusedUnprocessed, kForgottenAfterAmbiguous, {kAfter,  kReview, kAfter,  kAfter,  kProbe,  kAfter,  kAfter,  kProbe,  kReview}}),
    RowName);

// An earlier attempt was answered 2xx with a body that could not be read: it took effect, and no
// later failure to fetch the body may end in a question or a "no".
INSTANTIATE_TEST_SUITE_P(AfterUnreadableBody, DecideTest, ::testing::Values(
    Row{"NotSent",               F::kNotSent,            kHappened,                {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kDone,   kDone}},
    Row{"RefusedUnprocessed",    F::kRefusedUnprocessed, kHappened,                {kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kAfter,  kDone,   kDone}},
    Row{"DefiniteRefusal",       F::kDefiniteRefusal,    kHappened,                {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}},
    Row{"AlreadyGone",           F::kAlreadyGone,        kHappened,                {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}},
    Row{"KeyInUse",              F::kKeyInUse,           kHappened,                {kFail,   kAfter,  kDone,   kAfter,  kAfter,  kDone,   kAfter,  kDone,   kDone}},
    Row{"KeyReused",             F::kKeyReused,          kHappened,                {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}},
    Row{"ReplayedError",         F::kReplayedError,      kHappened,                {kAgain,  kDone,   kAgain,  kDone,   kDone,   kAgain,  kDone,   kDone,   kDone}},
    Row{"Lost",                  F::kLost,               kHappened,                {kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kAgain,  kDone,   kDone}},
    Row{"RetentionOver",         F::kRetentionOver,      kHappened,                {kFail,   kDone,   kAgain,  kAgain,  kDone,   kAgain,  kAgain,  kDone,   kDone}},
    Row{"LostAtTheLimit",        F::kLost,               kLimitHappened,           {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}},
    Row{"NotSentAtTheLimit",     F::kNotSent,            kLimitHappened,           {kFail,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone,   kDone}}),
    RowName);
// clang-format on

TEST(DecideRuleTest, AServerErrorOfAToolThatReplaysErrorsIsNeverResent) {
  for (bool natural : {false, true}) {
    const RetrySafety safety{.keyed = true, .natural = natural, .replays_errors = true};
    EXPECT_EQ(Decide(Effect::kWrite, safety, F::kServerError, {}).action, Action::kReview);
  }
  const RetrySafety probed{.keyed = true, .probed = true, .replays_errors = true};
  EXPECT_EQ(Decide(Effect::kWrite, probed, F::kServerError, {}).action, Action::kProbe);
  EXPECT_EQ(Decide(Effect::kWrite, probed, F::kLost, {}).action, Action::kRetry);
}

TEST(DecideRuleTest, NamesTheRuleThatDecided) {
  const RetrySafety keyed{.keyed = true};
  const auto rule = [](const RetrySafety& safety, F failure, const AttemptHistory& history) {
    return Decide(Effect::kWrite, safety, failure, history).rule;
  };
  EXPECT_EQ(rule(keyed, F::kLost, kFirst), "R3.keyed");
  EXPECT_EQ(rule({.natural = true}, F::kLost, kFirst), "R3.natural");
  EXPECT_EQ(rule({}, F::kLost, kFirst), "R3.not_resendable");
  EXPECT_EQ(rule(keyed, F::kLost, kForgotten), "R3.retention_over");
  EXPECT_EQ(rule(keyed, F::kLost, kLimit), "limit.resend");
  EXPECT_EQ(rule(keyed, F::kNotSent, kLimit), "limit.no_effect");
  EXPECT_EQ(rule(keyed, F::kDefiniteRefusal, kAfterAmbiguous), "R14.refusal_after_ambiguous");
  EXPECT_EQ(rule({}, F::kNotSent, kAfterAmbiguous), "R14.not_processed_after_ambiguous");
  EXPECT_EQ(rule({}, F::kDefiniteRefusal, kFirst), "table.definite_refusal");
  EXPECT_EQ(rule({.natural = true}, F::kAlreadyGone, kAfterAmbiguous), "table.already_gone");
}

// Every effect, safety, failure and history.
struct Input {
  Effect effect;
  RetrySafety safety;
  F failure;
  AttemptHistory history;
};

std::string Describe(const Input& in, const Decision& decision) {
  return std::string(ToString(in.effect)) + " " + ToString(in.safety) +
         (in.safety.replays_errors ? "(replays errors)" : "") + " " +
         std::string(ToString(in.failure)) +
         (in.history.earlier_ambiguous ? ", after ambiguous" : "") +
         (in.history.may_send_again ? "" : ", limit") +
         (in.history.retention_over ? ", retention over" : "") +
         (in.history.earlier_happened ? ", happened" : "") + " -> " +
         std::string(ToString(decision.action));
}

std::vector<Input> AllInputs() {
  std::vector<Input> all;
  for (Effect effect : {Effect::kRead, Effect::kWrite}) {
    for (unsigned bits = 0; bits < 256; ++bits) {
      const auto bit = [bits](int n) { return (bits >> n & 1) != 0; };
      for (F failure : kFailures) {
        all.push_back(
            {effect,
             {.keyed = bit(0), .natural = bit(1), .probed = bit(2), .replays_errors = bit(3)},
             failure,
             {.earlier_ambiguous = bit(4),
              .may_send_again = bit(5),
              .retention_over = bit(6),
              .earlier_happened = bit(7)}});
      }
    }
  }
  return all;
}

bool Sends(Action action) { return action == Action::kRetry || action == Action::kRetryAfter; }

TEST(DecidePropertyTest, HoldsOverEveryInput) {
  for (const Input& in : AllInputs()) {
    const Decision decision = Decide(in.effect, in.safety, in.failure, in.history);
    SCOPED_TRACE(Describe(in, decision));
    const bool write = in.effect == Effect::kWrite;
    // Nothing but a KEYED downstream speaks of our key; from any other it is a plain 4xx.
    const bool plain_refusal = in.failure == F::kKeyInUse && !in.safety.keyed;
    const bool ambiguous = in.history.earlier_ambiguous || in.history.earlier_happened ||
                           (MayHaveHappened(in.failure) && !plain_refusal);
    const bool key_forgotten = in.history.retention_over || in.failure == F::kRetentionOver;
    const bool resendable = (in.safety.keyed && !key_forgotten) || in.safety.natural;

    if (Sends(decision.action)) {
      EXPECT_TRUE(in.history.may_send_again);
      if (write && ambiguous) {
        EXPECT_TRUE(resendable);
      }
    }
    if (decision.action == Action::kReject) {
      EXPECT_TRUE(write);
      EXPECT_FALSE(ambiguous);
    }
    if (decision.action == Action::kProbe) {
      EXPECT_TRUE(write && in.safety.probed);
    }
    if (decision.action == Action::kFail) {
      EXPECT_FALSE(write);
    }
    if (decision.action == Action::kSucceed) {
      EXPECT_TRUE(write);
      const bool gone_by_us =
          in.failure == F::kAlreadyGone && in.safety.natural && in.history.earlier_ambiguous;
      EXPECT_TRUE(in.failure == F::kBodyUnreadable || in.history.earlier_happened || gone_by_us);
    }
    if (decision.action == Action::kReview) {
      EXPECT_TRUE(write && ambiguous);
      // Whoever can be asked is asked before a person is.
      EXPECT_TRUE(!in.safety.probed || in.failure == F::kKeyReused);
      EXPECT_FALSE(in.history.earlier_happened);
    }
  }
}

// After a restart, only the rule tells whether what was planned was a probe.
TEST(LeadsToProbeTest, KnowsTheRulesByWhichTheDownstreamIsAskedFromThoseByWhichItIsSent) {
  for (const Input& in : AllInputs()) {
    const Decision decision = Decide(in.effect, in.safety, in.failure, in.history);
    SCOPED_TRACE(Describe(in, decision));
    if (decision.action == Action::kProbe) {
      EXPECT_TRUE(LeadsToProbe(decision.rule)) << decision.rule;
    }
    if (Sends(decision.action)) {
      EXPECT_FALSE(LeadsToProbe(decision.rule)) << decision.rule;
    }
  }
}

TEST(MayHaveHappenedTest, IsFalseOnlyWhereTheAttemptSurelyHadNoEffect) {
  for (F failure : kFailures) {
    const bool surely_not = failure == F::kNotSent || failure == F::kRefusedUnprocessed ||
                            failure == F::kDefiniteRefusal || failure == F::kAlreadyGone;
    EXPECT_EQ(MayHaveHappened(failure), !surely_not) << ToString(failure);
  }
}

TEST(PolicyNamesTest, SafetyNamesAllThatHold) {
  EXPECT_EQ(ToString(RetrySafety{}), "NONE");
  EXPECT_EQ(ToString(RetrySafety{.keyed = true}), "KEYED");
  EXPECT_EQ(ToString(RetrySafety{.keyed = true, .natural = true, .probed = true}),
            "KEYED+NATURAL+PROBED");
}

TEST(PolicyNamesTest, NamesAreThoseOfTheEnums) {
  std::set<absl::string_view> names;
  for (F failure : kFailures) names.insert(ToString(failure));
  EXPECT_EQ(names.size(), std::size(kFailures)) << "each has a name of its own";
  EXPECT_EQ(ToString(F::kBodyUnreadable), "BODY_UNREADABLE");
  EXPECT_EQ(ToString(Reached::kSomethingSent), "SOMETHING_SENT");
  EXPECT_EQ(ToString(Effect::kWrite), "WRITE");
}

}  // namespace
}  // namespace onetake
