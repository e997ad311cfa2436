// An OpenAPI description from a stranger. What is proposed for an operation loads as it is.
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "runtime/catalog/catalog.h"
#include "runtime/json/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/temp_dir.h"
#include "tools/openapi/description.h"
#include "tools/openapi/import.h"
#include "tools/openapi/operation.h"

namespace {

using namespace onetake;

// Every variable is set.
std::optional<std::string> Variable(const std::string& name) {
  return absl::StrContains(name, "URL") ? "http://127.0.0.1:1" : "value";
}

void CheckLoads(const ImportedTool& tool) {
  static const testing::TempDir& place = *new testing::TempDir();
  const std::string folder = place.path() + "/manifests";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const ImportedFile& file : tool.files) {
    ONETAKE_CHECK(!absl::StrContains(file.name, '/'));
    std::ofstream(folder + "/" + file.name, std::ios::binary) << file.text;
  }
  const Catalog catalog = LoadCatalog({folder}, Variable, {});
  ONETAKE_CHECK(catalog.tools != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 32 * 1024) return 0;
  const absl::string_view text = TextOf(data, size);
  const auto description = OpenApiDescription::Read(text);
  if (!description.ok()) return 0;
  for (const FoundOperation& found : FindOperations(*description)) {
    if (!found.operation.ok()) ONETAKE_CHECK(!found.operation.status().message().empty());
  }
  const auto imported = ImportOpenApi(text, {.base_url = "${API_BASE_URL}", .retention = "24h"});
  if (!imported.ok()) return 0;
  for (size_t i = 0; i < imported->tools.size() && i < 4; ++i) CheckLoads(imported->tools[i]);
  return 0;
}
