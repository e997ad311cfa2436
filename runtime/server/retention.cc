#include "runtime/server/retention.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"

namespace onetake {
namespace {

void LogAhead(const AgeClock& age_clock) {
  Log(LogLevel::kWarning, "retention.clock_ahead",
      {{LogField::kDurationMs, absl::ToInt64Milliseconds(age_clock.Ahead())},
       {LogField::kAdvice,
        absl::StrCat("the wall clock is this far ahead of what has passed since the last run, so "
                     "what is kept ages by that until ",
                     absl::ToInt64Hours(AgeClock::kBelievedAfter),
                     " h more have passed; if the clock is wrong, set it right")}});
}

}  // namespace

Retention::Retention(AgeRules rules, AgeClock kept, LedgerUpkeep& upkeep, const Clock& clock,
                     Scheduler& loop)
    : rules_(std::move(rules)),
      upkeep_(upkeep),
      clock_(clock),
      loop_(loop),
      age_clock_(kept),
      looked_at_(clock.Elapsed()) {
  age_clock_.GoOn(clock.Now(), absl::ZeroDuration());
}

void Retention::Start() {
  if (age_clock_.Ahead() > absl::ZeroDuration()) LogAhead(age_clock_);
  loop_.RunAfter(kFirst, [this] { RunBatch(); });
}

// What is done is dated by the wall clock, as all events are; but that clock alone does not judge
// what is old enough.
AgeRules Retention::RulesAt(absl::Time now) {
  const absl::Duration before = age_clock_.Ahead();
  const absl::Duration elapsed = clock_.Elapsed();
  age_clock_.GoOn(now, elapsed - std::exchange(looked_at_, elapsed));
  const absl::Duration ahead = age_clock_.Ahead();
  if (before == absl::ZeroDuration() && ahead > absl::ZeroDuration()) LogAhead(age_clock_);
  if (before > absl::ZeroDuration() && ahead == absl::ZeroDuration()) {
    Log(LogLevel::kInfo, "retention.clock_agrees", {});
  }
  AgeRules rules = rules_;
  rules.bodies += ahead;
  rules.skeletons += ahead;
  return rules;
}

void Retention::RunBatch() {
  const absl::Time now = clock_.Now();
  upkeep_.Age(RulesAt(now), now, kBatch, [this](absl::StatusOr<AgeResult> aged) {
    loop_.Post([this, aged = std::move(aged)] { OnAged(aged); });
  });
}

void Retention::OnAged(const absl::StatusOr<AgeResult>& aged) {
  if (aged.ok()) {
    aged_ += aged->aged;
    pruned_ += aged->pruned;
    if (aged->more == AgeResult::More::kMaybe) {
      loop_.RunAfter(kPause, [this] { RunBatch(); });
      return;
    }
    if (aged_ > 0) Log(LogLevel::kInfo, "retention.aged", {{LogField::kCount, aged_}});
    if (pruned_ > 0) Log(LogLevel::kInfo, "retention.pruned", {{LogField::kCount, pruned_}});
  } else {
    Log(LogLevel::kWarning, "retention.failed",
        {{LogField::kError, std::string(aged.status().message())}});
  }
  aged_ = 0;
  pruned_ = 0;
  upkeep_.KeepAgeClock(age_clock_);
  loop_.RunAfter(kInterval, [this] { RunBatch(); });
}

}  // namespace onetake
