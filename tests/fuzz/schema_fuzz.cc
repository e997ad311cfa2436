// A JSON Schema on the first line, an instance behind it.
#include "runtime/json/json.h"
#include "runtime/json/schema.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  absl::string_view text = TextOf(data, size);
  const auto document = ParseJson(TakeLine(text), ArgumentLimits());
  if (!document.ok()) return 0;
  const auto schema = JsonSchema::Compile(*document);
  if (!schema.ok()) return 0;
  const auto instance = ParseJson(text, ArgumentLimits());
  if (!instance.ok()) return 0;
  for (const JsonSchema::Violation& violation : (*schema)->Check(*instance)) {
    ONETAKE_CHECK(!violation.path.empty());
  }
  return 0;
}
