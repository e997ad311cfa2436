#include "tools/dental/key_desk.h"

#include "runtime/base/status.h"

namespace onetake::dental {

absl::StatusOr<KeyDesk::Check> KeyDesk::Begin(const std::string& key, absl::string_view request,
                                              absl::Time now) {
  {
    absl::MutexLock lock(&mutex_);
    const auto [running, is_first] = running_.try_emplace(key, request);
    if (!is_first) {
      return Check{running->second == request ? Verdict::kInUse : Verdict::kReused, std::nullopt};
    }
  }
  // From here on this request owns the key, so what the file says about it cannot change.
  std::optional<KeyedAnswer> recorded;
  const absl::Status status = db_.Transact([&](PracticeDb::Tables& tables) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(recorded, tables.FindAnswer(key));
    return absl::OkStatus();
  });
  if (status.ok() && (!recorded.has_value() || now - recorded->recorded_at >= retention_)) {
    return Check{};
  }
  End(key);
  ONETAKE_RETURN_IF_ERROR(status);
  if (recorded->request != request) return Check{Verdict::kReused, std::nullopt};
  return Check{Verdict::kReplay, std::move(recorded)};
}

void KeyDesk::End(absl::string_view key) {
  absl::MutexLock lock(&mutex_);
  running_.erase(key);
}

}  // namespace onetake::dental
