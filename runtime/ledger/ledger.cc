#include "runtime/ledger/ledger.h"

#include "runtime/base/check.h"

namespace onetake {

absl::string_view ToString(CallRole role) {
  switch (role) {
    case CallRole::kOpened: return "opened";
    case CallRole::kJoined: return "joined";
    case CallRole::kReplayed: return "replayed";
    case CallRole::kRedelivered: return "redelivered";
    case CallRole::kConflict: return "conflict";
    case CallRole::kHeld: return "held";
    case CallRole::kUnconfirmed: return "unconfirmed";
    case CallRole::kWithdrawn: return "withdrawn";
    case CallRole::kRead: return "read";
    case CallRole::kInvalid: return "invalid";
  }
  ONETAKE_CHECK(false);
}

bool IsHeldBack(CallRole role) {
  switch (role) {
    case CallRole::kJoined:
    case CallRole::kReplayed:
    case CallRole::kRedelivered:
    case CallRole::kConflict:
    case CallRole::kHeld: return true;
    case CallRole::kUnconfirmed:
    case CallRole::kWithdrawn:
    case CallRole::kOpened:
    case CallRole::kRead:
    case CallRole::kInvalid: return false;
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
