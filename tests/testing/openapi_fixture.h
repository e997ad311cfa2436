#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/catalog_fixture.h"
#include "tools/http/render.h"
#include "tools/openapi/import.h"

namespace onetake::testing {

// Imports descriptions into the folder of a catalog.
class OpenApiTest : public CatalogTest {
 protected:
  void Import(absl::string_view text) {
    absl::StatusOr<OpenApiImport> import = ImportOpenApi(text, options_);
    ASSERT_TRUE(import.ok()) << import.status();
    import_ = *std::move(import);
    for (const ImportedTool& tool : import_.tools) {
      for (const ImportedFile& file : tool.files) Write(file.name, file.text);
    }
  }

  // A description of one operation, `op`, with these members (JSON; may be empty). `more` stands at
  // the top of the description.
  void ImportOperation(absl::string_view method, absl::string_view members,
                       absl::string_view more = "") {
    Import(absl::StrCat(
        R"({"openapi": "3.1.0", "info": {"title": "T"}, )", more, more.empty() ? "" : ", ",
        R"("servers": [{"url": "http://127.0.0.1:1"}], "paths": {"/x": {")", method,
        R"(": {"operationId": "op")", members.empty() ? "" : ", ", members, "}}}}"));
  }

  // "book WRITE/NONE"
  std::vector<std::string> Classes() const {
    std::vector<std::string> classes;
    for (const ImportedTool& tool : import_.tools) {
      classes.push_back(
          absl::StrCat(tool.name, " ", tool.effect, tool.safety.empty() ? "" : "/", tool.safety));
    }
    return classes;
  }

  std::vector<std::string> Refusals() const {
    std::vector<std::string> reasons;
    for (const RefusedOperation& refused : import_.refused) reasons.push_back(refused.reason);
    return reasons;
  }

  OpenApiImportOptions options_;
  OpenApiImport import_;
};

}  // namespace onetake::testing
