// Every life of a write, up to seven attempts and whatever becomes of each: the table and the
// states together, against a downstream whose truth is known.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "runtime/intent/state.h"
#include "runtime/policy/policy.h"

namespace onetake {
namespace {

using F = FailureKind;
using S = IntentState;
using E = IntentEvent;

// What becomes of an attempt: what its sender sees, and whether it has landed.
struct Fate {
  const char* name;
  F seen;
  bool landed;
};
constexpr std::array kFates = {
    Fate{"not sent", F::kNotSent, false},
    Fate{"429", F::kRefusedUnprocessed, false},
    Fate{"409", F::kDefiniteRefusal, false},
    Fate{"503", F::kServerError, false},
    Fate{"500, and it is done", F::kServerError, true},
    Fate{"lost", F::kLost, false},
    Fate{"lost, and it is done", F::kLost, true},
    Fate{"200, unreadable", F::kBodyUnreadable, true},
    Fate{"crash", F::kCrash, false},
    Fate{"crash, and it is done", F::kCrash, true},
};

struct Rules {
  RetrySafety safety;
  int attempts = 7;          // no more than these
  int remembered_until = 7;  // KEYED: the last attempt at which the key is remembered
};

// One life, as far as it has come.
struct Life {
  S state = S::kInFlight;
  int attempts = 0;
  int effects = 0;
  bool ambiguous = false, happened = false;
  std::array<const char*, 16> story = {};  // what has happened so far
  size_t told = 0;

  void Tell(const char* what) { story[told++] = what; }
};

class Lives {
 public:
  explicit Lives(const Rules& rules) : rules_(rules) {}

  // All that may follow when another attempt is sent.
  void Send(Life life) {
    ++life.attempts;
    Life done = life;
    done.Tell("200");
    Land(done);
    if (Move(done, E::kSucceeded)) End(done);
    for (const Fate& fate : kFates) {
      Life next = life;
      next.Tell(fate.name);
      if (fate.landed) Land(next);
      if (!broken_.empty()) return;
      Decided(next, fate.seen);
    }
  }
  int64_t ends() const { return ends_; }
  // The first promise that was broken, and how; empty: none was.
  const std::string& broken() const { return broken_; }

 private:
  // Another effect, unless the downstream knows better.
  void Land(Life& life) {
    const bool knows =
        rules_.safety.natural || (rules_.safety.keyed && life.attempts <= rules_.remembered_until);
    if (life.effects == 0 || !knows) ++life.effects;
    Check(life.effects <= 1, "I1", life);
  }

  bool Move(Life& life, E event) {
    const std::optional<S> next = Next(life.state, event);
    Check(next.has_value(), "I8", life);
    if (next.has_value()) life.state = *next;
    return next.has_value();
  }

  void Decided(Life life, F failure) {
    const AttemptHistory history{.earlier_ambiguous = life.ambiguous,
                                 .may_send_again = life.attempts < rules_.attempts,
                                 .retention_over = life.attempts >= rules_.remembered_until,
                                 .earlier_happened = life.happened};
    const Decision decision = Decide(Effect::kWrite, rules_.safety, failure, history);
    const bool doubtful = life.ambiguous || MayHaveHappened(failure);
    life.ambiguous = doubtful;
    life.happened = life.happened || failure == F::kBodyUnreadable;
    switch (decision.action) {
      case Action::kRetry:
      case Action::kRetryAfter:
        Check(!doubtful || rules_.safety.keyed || rules_.safety.natural, "I4", life);
        if (Move(life, doubtful ? E::kAmbiguous : E::kResend)) Send(life);
        return;
      case Action::kReject:
        if (Move(life, E::kNoEffect)) End(life);
        return;
      case Action::kSucceed:
        if (Move(life, E::kSucceeded)) End(life);
        return;
      case Action::kReview:
        if (Move(life, E::kAmbiguous) && Move(life, E::kNothingSafe)) End(life);
        return;
      case Action::kProbe:
        if (Move(life, E::kAmbiguous)) Probed(life);
        return;
      case Action::kFail: return Check(false, "a WRITE that ends as FAILED", life);
    }
  }

  // Asked late enough, the downstream tells the truth.
  void Probed(Life life) {
    life.Tell("probed");
    if (life.effects > 0) {
      if (Move(life, E::kSucceeded)) End(life);
      return;
    }
    life.ambiguous = false;
    Life given_up = life;
    if (Move(given_up, E::kNoEffect)) End(given_up);
    if (life.attempts < rules_.attempts && Move(life, E::kResend)) Send(life);
  }

  void End(const Life& life) {
    ++ends_;
    if (life.state == S::kSucceeded) Check(life.effects == 1, "I2", life);
    if (life.state == S::kRejected) Check(life.effects == 0, "I2", life);
    for (E event : {E::kAmbiguous, E::kCrash, E::kResend, E::kSucceeded, E::kNoEffect}) {
      Check(!Next(life.state, event).has_value(), "I8", life);
    }
  }

  void Check(bool holds, const char* promise, const Life& life) {
    if (holds || !broken_.empty()) return;
    broken_ = std::string(promise) + " in state " + std::string(ToString(life.state)) + ":";
    for (size_t i = 0; i < life.told; ++i) broken_ += std::string(" ") + life.story[i] + ";";
  }

  const Rules rules_;
  int64_t ends_ = 0;
  std::string broken_;
};

constexpr std::array kSafeties = {
    RetrySafety{},
    RetrySafety{.keyed = true},
    RetrySafety{.natural = true},
    RetrySafety{.probed = true},
    RetrySafety{.keyed = true, .probed = true},
    RetrySafety{.natural = true, .probed = true},
    RetrySafety{.keyed = true, .natural = true},
};

TEST(WriteLifeTest, HasOneEffectAtMostAndATrueEnd) {
  for (const RetrySafety& safety : kSafeties) {
    for (int attempts = 1; attempts <= 7; ++attempts) {
      Lives lives({.safety = safety, .attempts = attempts});
      lives.Send({});
      ASSERT_EQ(lives.broken(), "") << ToString(safety);
      EXPECT_GT(lives.ends(), attempts);
    }
  }
}

TEST(WriteLifeTest, IsSafeWhenTheDownstreamForgetsTheKeyOnTheWay) {
  for (const RetrySafety& safety : kSafeties) {
    for (int until = 1; until <= 5; ++until) {
      Lives lives({.safety = safety, .attempts = 5, .remembered_until = until});
      lives.Send({});
      ASSERT_EQ(lives.broken(), "") << ToString(safety) << " until " << until;
    }
  }
}

}  // namespace
}  // namespace onetake
