// A manifest, as a tool author may write it: refused with a line, or compiled.
#include <fstream>
#include <optional>
#include <string>

#include "runtime/catalog/catalog.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/temp_dir.h"

namespace {

std::optional<std::string> Variable(const std::string& name) {
  if (name == "API") return "http://127.0.0.1:1";
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  if (size > 16 * 1024) return 0;
  static const testing::TempDir& folder = *new testing::TempDir();
  std::ofstream(folder.path() + "/m.yaml", std::ios::binary) << TextOf(data, size);
  const Catalog catalog = LoadCatalog({folder.path()}, Variable, {});
  if (catalog.tools == nullptr) ONETAKE_CHECK(!catalog.diagnostics.empty());
  return 0;
}
