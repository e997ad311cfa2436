#include "runtime/base/planted_bug.h"

#ifdef ONETAKE_PLANTED_BUGS
#include <cstdlib>
#include <string>

namespace onetake {

bool IsPlanted(absl::string_view name) {
  static const std::string planted = [] {
    const char* value = std::getenv("ONETAKE_PLANT");
    return std::string(value == nullptr ? "" : value);
  }();
  return name == planted;
}

}  // namespace onetake
#endif
