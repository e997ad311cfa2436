#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

#ifdef ONETAKE_FAILPOINTS
// Named places where a crash test kills the process, with no flush and no destructors.
// ONETAKE_FAILPOINT="ledger.after_commit:3" kills at the third hit. Thread-safe.
void FailPoint(absl::string_view name);
#else
inline void FailPoint(absl::string_view) {}
#endif

}  // namespace onetake
