#include "runtime/server/stream_limits.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "runtime/server/call_limits.h"

namespace onetake {
namespace {

// A stream lasts as long as a conversation, so its place does not become free at once.
constexpr absl::Duration kComeAgainSession = absl::Seconds(1);
constexpr absl::Duration kComeAgainWatcher = absl::Seconds(5);

size_t Index(StreamLimits::Kind kind) { return static_cast<size_t>(kind); }

}  // namespace

void StreamLimits::SetOptions(Options options) {
  absl::MutexLock lock(&mutex_);
  options_ = options;
}

absl::Status StreamLimits::Check(Kind kind, const std::string& tenant) const {
  const Streams& streams = streams_[Index(kind)];
  const auto found = streams.of_tenants.find(tenant);
  const size_t of_tenant = found == streams.of_tenants.end() ? 0 : found->second;
  if (kind == Kind::kSession) {
    if (streams.open >= options_.sessions) {
      return RefusedForNow("OVERLOADED", "there are too many open sessions", kComeAgainSession);
    }
    if (of_tenant < options_.tenant_sessions) return absl::OkStatus();
    return RefusedForNow("TENANT_OVERLOADED", "this tenant has too many open sessions",
                         kComeAgainSession);
  }
  if (streams.open < options_.watchers && of_tenant < options_.tenant_watchers) {
    return absl::OkStatus();
  }
  return RefusedForNow("TOO_MANY_WATCHERS",
                       absl::StrCat("there are ", streams.open, " watchers already, ", of_tenant,
                                    " of them of this tenant: end one, or come back later"),
                       kComeAgainWatcher);
}

absl::StatusOr<StreamLimits::Place> StreamLimits::Enter(Kind kind, const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  Streams& streams = streams_[Index(kind)];
  if (absl::Status status = Check(kind, tenant); !status.ok()) {
    ++streams.refused;
    return status;
  }
  ++streams.open;
  ++streams.of_tenants[tenant];
  return Place(this, kind, tenant);
}

void StreamLimits::Leave(Kind kind, const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  Streams& streams = streams_[Index(kind)];
  --streams.open;
  const auto found = streams.of_tenants.find(tenant);
  if (--found->second == 0) streams.of_tenants.erase(found);
}

size_t StreamLimits::open(Kind kind) const {
  absl::MutexLock lock(&mutex_);
  return streams_[Index(kind)].open;
}

int64_t StreamLimits::refused(Kind kind) const {
  absl::MutexLock lock(&mutex_);
  return streams_[Index(kind)].refused;
}

}  // namespace onetake
