#include "runtime/base/failpoint.h"

#ifdef ONETAKE_FAILPOINTS
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

std::pair<std::string, int> Armed() {
  const char* value = std::getenv("ONETAKE_FAILPOINT");
  if (value == nullptr) return {"", 0};
  std::pair<std::string, std::string> parts = absl::StrSplit(value, absl::MaxSplits(':', 1));
  int hits = 0;
  if (!absl::SimpleAtoi(parts.second, &hits)) hits = 1;
  return {parts.first, hits};
}

}  // namespace

void FailPoint(absl::string_view name) {
  static const std::pair<std::string, int> armed = Armed();
  static std::atomic<int> left{armed.second};
  if (!armed.first.empty() && name == armed.first && --left == 0) kill(getpid(), SIGKILL);
}

}  // namespace onetake
#endif
