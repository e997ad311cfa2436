#include "runtime/server/call_limits.h"

#include <algorithm>

#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::Duration kMs = absl::Milliseconds(1);
// The least wait: what takes a place is not over sooner.
constexpr absl::Duration kComeAgain = absl::Milliseconds(500);
// A refusal costs an eighth of a write, so the calls that are told to come again cost a
// sixty-fourth of what is done. Where little is done, kAlwaysAgain a second are no burden.
constexpr double kEndedForOneAgain = 8;
constexpr double kAlwaysAgain = 100;  // a second

}  // namespace

absl::Status RefusedForNow(absl::string_view reason, absl::string_view what, absl::Duration again) {
  return WithDetail(absl::ResourceExhaustedError(what),
                    {.reason = std::string(reason),
                     .safe_to_resend = true,
                     .retry_after_ms = absl::ToInt64Milliseconds(absl::Ceil(again, kMs))});
}

absl::Status AnswersUnread() {
  return RefusedForNow("ANSWERS_UNREAD", "answers of before have not been taken yet",
                       absl::Seconds(1));
}

CallLimits::CallLimits(Options options, const Clock& clock) : clock_(clock), options_(options) {}

void CallLimits::SetOptions(Options options) {
  absl::MutexLock lock(&mutex_);
  options_ = options;
}

void CallLimits::Refill(Tenant& tenant) {
  const absl::Duration now = clock_.Elapsed();
  const double fresh = absl::ToDoubleSeconds(now - tenant.filled_at) * options_.tenant_rate;
  tenant.tokens = std::min<double>(options_.tenant_burst, tenant.tokens + fresh);
  tenant.filled_at = now;
}

absl::Duration CallLimits::Apart() {
  const double ended = left_.At(clock_.Elapsed());
  return absl::Seconds(1 / std::max(kAlwaysAgain, ended / kEndedForOneAgain));
}

absl::Status CallLimits::Check(Tenant& tenant) {
  const absl::Duration now = clock_.Elapsed();
  if (in_flight_ >= options_.in_flight) {
    return RefusedForNow("OVERLOADED", "too many calls are being executed",
                         again_.Next(now, kComeAgain, Apart()));
  }
  if (backlog_.IsGrowing(now)) {
    return RefusedForNow("OVERLOADED", "calls wait too long for their turn",
                         again_.Next(now, kComeAgain, Apart()));
  }
  if (tenant.in_flight >= options_.tenant_in_flight) {
    return RefusedForNow("TENANT_OVERLOADED", "too many calls of this tenant are being executed",
                         tenant.again.Next(now, kComeAgain, Apart()));
  }
  if (options_.tenant_rate == 0) return absl::OkStatus();
  Refill(tenant);
  if (tenant.tokens < 1) {
    const absl::Duration each = absl::Seconds(1) / options_.tenant_rate;
    return RefusedForNow("TENANT_RATE", "this tenant begins too many calls a second",
                         tenant.again.Next(now, each * (1 - tenant.tokens), each));
  }
  tenant.tokens -= 1;
  return absl::OkStatus();
}

absl::StatusOr<CallLimits::Place> CallLimits::Enter(const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  const auto [known, is_new] = tenants_.try_emplace(tenant);
  if (is_new) {
    known->second = {.tokens = static_cast<double>(options_.tenant_burst),
                     .filled_at = clock_.Elapsed()};
  }
  if (absl::Status status = Check(known->second); !status.ok()) {
    ++shed_;
    return status;
  }
  ++in_flight_;
  ++known->second.in_flight;
  return Place(this, tenant);
}

void CallLimits::TakenUp(absl::Duration arrived) {
  absl::MutexLock lock(&mutex_);
  const absl::Duration now = clock_.Elapsed();
  backlog_.Note(now - arrived, now);
}

void CallLimits::Leave(const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  left_.Note(clock_.Elapsed());
  --in_flight_;
  --tenants_[tenant].in_flight;
}

size_t CallLimits::in_flight() const {
  absl::MutexLock lock(&mutex_);
  return in_flight_;
}

int64_t CallLimits::shed() const {
  absl::MutexLock lock(&mutex_);
  return shed_;
}

}  // namespace onetake
