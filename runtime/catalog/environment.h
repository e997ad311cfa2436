#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace onetake {

// Looks a variable up; nullopt when it is not set. Injected, so that a test needs no process.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// getenv(). Not safe while another thread changes the environment.
Environment ProcessEnvironment();

// Whether it fits [A-Za-z_][A-Za-z0-9_]*.
bool IsVariableName(absl::string_view name);

struct Substitution {
  std::string text;
  bool substituted = false;         // some part of `text` came from the environment or a default
  std::vector<std::string> faults;  // what is wrong, without any value; then `text` is useless
};

// Replaces ${NAME} by the variable, which must be set, and ${NAME:-default} by the default when it
// is not set or empty (as a shell does). $${ is a literal ${. What was put in is not looked at
// again.
Substitution Substitute(absl::string_view text, const Environment& environment);

}  // namespace onetake
