#include "runtime/server/retention.h"

#include <string>
#include <utility>

#include "runtime/base/log.h"

namespace onetake {

Retention::Retention(AgeRules rules, LedgerUpkeep& upkeep, const Clock& clock, Scheduler& loop)
    : rules_(std::move(rules)), upkeep_(upkeep), clock_(clock), loop_(loop) {}

void Retention::Start() {
  loop_.RunAfter(kFirst, [this] { RunBatch(); });
}

void Retention::RunBatch() {
  upkeep_.Age(rules_, clock_.Now(), kBatch, [this](absl::StatusOr<AgeResult> aged) {
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
  loop_.RunAfter(kInterval, [this] { RunBatch(); });
}

}  // namespace onetake
