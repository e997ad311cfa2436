#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <utility>

#include "runtime/intent/state.h"

namespace onetake {
namespace {

using ::testing::Eq;
using S = IntentState;
using E = IntentEvent;

constexpr std::array kStates = {S::kInFlight, S::kSucceeded, S::kRejected,
                                S::kUnknown,  S::kReview,    S::kReversed};
constexpr std::array kEvents = {
    E::kSucceeded,   E::kNoEffect,     E::kAmbiguous,       E::kCrash,    E::kResend,
    E::kNothingSafe, E::kResolvedDone, E::kResolvedNotDone, E::kReversed, E::kReinstated};

// Every transition there is; each pair that is not here must be refused.
const std::map<std::pair<S, E>, S>& Table() {
  static const auto* const table = new std::map<std::pair<S, E>, S>{
      {{S::kInFlight, E::kSucceeded}, S::kSucceeded},
      {{S::kInFlight, E::kNoEffect}, S::kRejected},
      {{S::kInFlight, E::kAmbiguous}, S::kUnknown},
      {{S::kInFlight, E::kCrash}, S::kUnknown},
      {{S::kInFlight, E::kResend}, S::kInFlight},
      {{S::kUnknown, E::kSucceeded}, S::kSucceeded},
      {{S::kUnknown, E::kNoEffect}, S::kRejected},
      {{S::kUnknown, E::kAmbiguous}, S::kUnknown},
      {{S::kUnknown, E::kCrash}, S::kUnknown},
      {{S::kUnknown, E::kResend}, S::kUnknown},
      {{S::kUnknown, E::kNothingSafe}, S::kReview},
      {{S::kUnknown, E::kResolvedDone}, S::kSucceeded},
      {{S::kUnknown, E::kResolvedNotDone}, S::kRejected},
      {{S::kReview, E::kResolvedDone}, S::kSucceeded},
      {{S::kReview, E::kResolvedNotDone}, S::kRejected},
      {{S::kSucceeded, E::kReversed}, S::kReversed},
      {{S::kReversed, E::kReinstated}, S::kSucceeded},
  };
  return *table;
}

TEST(IntentStateTest, MovesAlongTheTableAndNowhereElse) {
  for (S state : kStates) {
    for (E event : kEvents) {
      SCOPED_TRACE(std::string(ToString(state)) + " event " +
                   std::to_string(static_cast<int>(event)));
      const auto row = Table().find({state, event});
      const std::optional<S> expected =
          row == Table().end() ? std::nullopt : std::optional<S>(row->second);
      EXPECT_THAT(Next(state, event), Eq(expected));
    }
  }
}

// Walks every sequence of events from `state`; what was true on the way is in the arguments.
struct Walk {
  int sequences = 0;
  void From(S state, int left) {
    ++sequences;
    if (left == 0) return;
    for (E event : kEvents) {
      const std::optional<S> next = Next(state, event);
      if (!next) continue;
      CheckStep(state, event, *next);
      From(*next, left - 1);
    }
  }
  static void CheckStep(S state, E event, S next) {
    SCOPED_TRACE(std::string(ToString(state)) + " to " + std::string(ToString(next)));
    if (IsSettled(state)) {
      EXPECT_NE(state, S::kRejected);
      EXPECT_EQ(event, state == S::kSucceeded ? E::kReversed : E::kReinstated);
      EXPECT_EQ(next, state == S::kSucceeded ? S::kReversed : S::kSucceeded);
    }
    if (next == S::kInFlight) {
      EXPECT_EQ(state, S::kInFlight);
    }
    if (next == S::kReview) {
      EXPECT_EQ(state, S::kUnknown);
    }
    // Out of a review only a person leads.
    if (state == S::kReview) {
      EXPECT_TRUE(event == E::kResolvedDone || event == E::kResolvedNotDone);
    }
  }
};

TEST(IntentStateTest, NoSequenceOfEventsChangesASettledOutcomeOrReentersInFlight) {
  Walk walk;
  walk.From(S::kInFlight, 7);
  EXPECT_GT(walk.sequences, 100);
}

// The same, over all sequences with refused events in them: a refused event leaves no trace.
TEST(IntentStateTest, OnceSettledEveryFurtherEventLeavesTheOutcome) {
  constexpr int kLength = 6;
  int64_t sequences = 1;
  for (int i = 0; i < kLength; ++i) sequences *= kEvents.size();
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    S state = S::kInFlight;
    std::optional<S> outcome;
    for (int64_t rest = sequence, i = 0; i < kLength; ++i, rest /= kEvents.size()) {
      const bool was_in_flight = state == S::kInFlight;
      state = Next(state, kEvents[rest % kEvents.size()]).value_or(state);
      if (outcome == S::kSucceeded || outcome == S::kReversed) {
        ASSERT_TRUE(state == S::kSucceeded || state == S::kReversed) << sequence;
      } else if (outcome) {
        ASSERT_EQ(state, *outcome) << sequence;
      }
      ASSERT_TRUE(was_in_flight || state != S::kInFlight) << sequence;
      if (IsSettled(state)) outcome = state;
    }
  }
}

TEST(IntentStateTest, SettledMeansThatTheOutcomeIsKnown) {
  for (S state : kStates) {
    const bool open = state == S::kInFlight || state == S::kUnknown || state == S::kReview;
    EXPECT_EQ(IsSettled(state), !open) << ToString(state);
  }
}

TEST(IntentStateTest, OnlyARejectedOrReversedGenerationIsFollowedByAnother) {
  for (S state : kStates) {
    EXPECT_EQ(OpensNextGeneration(state), state == S::kRejected || state == S::kReversed)
        << ToString(state);
  }
}

TEST(IntentStateTest, NamesAreThoseOfTheLedgerAndReadBack) {
  EXPECT_EQ(ToString(S::kInFlight), "IN_FLIGHT");
  for (S state : kStates) EXPECT_THAT(IntentStateFromString(ToString(state)), Eq(state));
  EXPECT_THAT(IntentStateFromString("in_flight"), Eq(std::nullopt));
  EXPECT_THAT(IntentStateFromString(""), Eq(std::nullopt));
}

}  // namespace
}  // namespace onetake
