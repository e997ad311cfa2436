#include "runtime/ledger/age_clock.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

namespace onetake {

void AgeClock::GoOn(absl::Time now, absl::Duration passed) {
  const bool was_set = absl::AbsDuration(now - wall - passed) > kTolerance;
  at += passed;
  wall = now;
  doubted = was_set ? absl::ZeroDuration() : doubted + passed;
  if (absl::AbsDuration(wall - at) > kTolerance && doubted < kBelievedAfter) return;
  at = wall;
  doubted = absl::ZeroDuration();
}

absl::Duration AgeClock::Ahead() const { return std::max(wall - at, absl::ZeroDuration()); }

absl::StatusOr<AgeClock> LoadAgeClock(Database& database, absl::Time now) {
  const absl::StatusOr<std::string> kept =
      database.QueryText("SELECT value FROM meta WHERE name = 'age_clock'");
  if (kept.ok()) {
    const std::vector<std::string> parts = absl::StrSplit(*kept, ' ');
    int64_t at = 0;
    int64_t wall = 0;
    int64_t doubted = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &at) ||
        !absl::SimpleAtoi(parts[1], &wall) || !absl::SimpleAtoi(parts[2], &doubted)) {
      return absl::DataLossError("meta.age_clock is malformed");
    }
    return AgeClock{absl::FromUnixMicros(at), absl::FromUnixMicros(wall),
                    absl::Microseconds(doubted)};
  }
  if (!absl::IsNotFound(kept.status())) return kept.status();
  ONETAKE_ASSIGN_OR_RETURN(
      const int64_t last,
      database.QueryInt("SELECT coalesce((SELECT at FROM events ORDER BY seq DESC LIMIT 1), 0)"));
  const absl::Time at = last == 0 ? now : absl::FromUnixMicros(last);
  return AgeClock{at, at, absl::ZeroDuration()};
}

absl::Status SaveAgeClock(Database& writer, const AgeClock& clock) {
  ONETAKE_ASSIGN_OR_RETURN(Statement set,
                           writer.Prepare("INSERT OR REPLACE INTO meta VALUES ('age_clock', ?1)"));
  const std::string text = absl::StrCat(ToColumn(clock.at), " ", ToColumn(clock.wall), " ",
                                        absl::ToInt64Microseconds(clock.doubted));
  return Run(set).Text(1, text).Finish();
}

}  // namespace onetake
