#pragma once

// Bugs that are planted on purpose, to show that the tests find them: `scripts/planted` plants one
// at a time, by ONETAKE_PLANT=<name>, in programs whose sources with a bug are compiled with
// ONETAKE_PLANTED_BUGS (tests/sim/CMakeLists.txt lists them). Everywhere else
// ONETAKE_PLANTED_BUG("name") is the constant false, and neither name nor bug is in the program.
#ifdef ONETAKE_PLANTED_BUGS

#include "absl/strings/string_view.h"

namespace onetake {
bool IsPlanted(absl::string_view name);
}  // namespace onetake

#define ONETAKE_PLANTED_BUG(name) (::onetake::IsPlanted(name))

#else

#define ONETAKE_PLANTED_BUG(name) false

#endif
