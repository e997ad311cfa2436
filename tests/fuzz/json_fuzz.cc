// Whatever is read from a model: the limits hold, and the canonical form is stable.
#include "runtime/base/limits.h"
#include "runtime/json/json.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  const absl::string_view text = TextOf(data, size);
  const auto value = ParseJson(text, ArgumentLimits());
  if (!value.ok()) {
    ONETAKE_CHECK(absl::IsInvalidArgument(value.status()));
    return 0;
  }
  ONETAKE_CHECK(text.size() <= limits::kArgumentsBytes);
  const std::string canonical = CanonicalJson(*value);
  const auto again = ParseJson(canonical, ResultLimits());
  ONETAKE_CHECK(again.ok());
  ONETAKE_CHECK(CanonicalJson(*again) == canonical);
  ONETAKE_CHECK(ParseJson(DumpJson(*value), ResultLimits()).ok());
  return 0;
}
