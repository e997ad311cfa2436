// An OpenAPI description from a stranger.
#include "runtime/json/json.h"
#include "tests/fuzz/fuzz.h"
#include "tools/openapi/description.h"
#include "tools/openapi/operation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  if (size > 32 * 1024) return 0;
  const auto description = OpenApiDescription::Read(TextOf(data, size));
  if (!description.ok()) return 0;
  for (const FoundOperation& found : FindOperations(*description)) {
    if (!found.operation.ok()) ONETAKE_CHECK(!found.operation.status().message().empty());
  }
  return 0;
}
