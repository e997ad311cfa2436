#pragma once

// Bugs that are planted on purpose, to show that the tests find them: `scripts/planted` builds with
// ONETAKE_PLANTED_BUGS and plants one at a time, by ONETAKE_PLANT=<name>. In every other build
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
