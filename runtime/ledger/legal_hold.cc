#include "runtime/ledger/legal_hold.h"

#include <algorithm>

#include "runtime/base/status.h"

namespace onetake {

bool Holds(const std::vector<std::string>& held, absl::string_view name) {
  return std::find(held.begin(), held.end(), name) != held.end();
}

absl::Status HeldCalls::Prepare(Database& database) {
  ONETAKE_ASSIGN_OR_RETURN(
      select_sessions_,
      database.Prepare("SELECT DISTINCT session_id FROM calls WHERE intent_row = ?1"));
  return absl::OkStatus();
}

absl::StatusOr<bool> HeldCalls::Met(int64_t intent_row,
                                    const std::vector<std::string>& held_sessions) {
  if (held_sessions.empty()) return false;
  bool met = false;
  ONETAKE_RETURN_IF_ERROR(Run(select_sessions_).Int(1, intent_row).ForEach([&](const Run& row) {
    met = met || Holds(held_sessions, row.Text(0));
    return absl::OkStatus();
  }));
  return met;
}

}  // namespace onetake
