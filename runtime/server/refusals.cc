#include "runtime/server/refusals.h"

#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);

}  // namespace

void Refusals::Count(const absl::Status& refused) {
  const std::string reason = GetDetail(refused).value_or(ErrorDetail{.reason = "OTHER"}).reason;
  int64_t count = 0;
  {
    absl::MutexLock lock(&mutex_);
    ++counts_[reason];
    ++unlogged_;
    const absl::Duration now = clock_.Elapsed();
    if (now < log_after_) return;
    log_after_ = now + kBetweenLines;
    count = std::exchange(unlogged_, 0);
  }
  Log(LogLevel::kWarning, "access.refused", {{LogField::kRule, reason}, {LogField::kCount, count}});
}

std::map<std::string, int64_t> Refusals::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

}  // namespace onetake
