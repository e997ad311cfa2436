#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/json/json.h"
#include "tools/openapi/import.h"

namespace onetake {

enum class WriteRule {
  kKeepExisting,
  kOverwrite,
  kNothing,  // only look what would be
};

// What an import has done with its files.
struct WrittenImport {
  size_t tools = 0;               // whose files were written, or would be
  std::vector<std::string> kept;  // tools that have a file already, which stays as it is
};

// Writes the files of every tool into `folder`, which is made when it is missing. Under
// kKeepExisting, a tool's files are not written when one of them is there. FAILED_PRECONDITION,
// naming the file, when one cannot be written: those before it are there.
absl::StatusOr<WrittenImport> WriteImport(const OpenApiImport& import, const std::string& folder,
                                          WriteRule rule);

// Text for people: a table of the tools, the refused operations with their reasons, the counts.
std::string RenderImport(const OpenApiImport& import, const WrittenImport& written,
                         const std::string& folder);
// The same for programs, without the files' texts.
Json ImportToJson(const OpenApiImport& import, const WrittenImport& written);

}  // namespace onetake
