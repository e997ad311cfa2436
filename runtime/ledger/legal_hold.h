#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/store/database.h"

namespace onetake {

bool Holds(const std::vector<std::string>& held, absl::string_view name);

// What a call of a conversation on legal hold met is held with that conversation: what the call was
// told came from there. Owned by the thread of its connection.
class HeldCalls {
 public:
  absl::Status Prepare(Database& database);
  // Whether any call that met the generation is of one of these sessions.
  absl::StatusOr<bool> Met(int64_t intent_row, const std::vector<std::string>& held_sessions);

 private:
  Statement select_sessions_;
};

}  // namespace onetake
