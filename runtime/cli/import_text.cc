#include "runtime/cli/import_text.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status.h"
#include "runtime/cli/text.h"
#include "runtime/cli/write_file.h"

namespace onetake {
namespace {

namespace fs = std::filesystem;

// "READ", "WRITE/KEYED+NATURAL"
std::string ClassOf(const ImportedTool& tool) {
  return tool.safety.empty() ? tool.effect : absl::StrCat(tool.effect, "/", tool.safety);
}

std::string Counted(size_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

bool IsThere(const ImportedTool& tool, const std::string& folder) {
  return std::any_of(tool.files.begin(), tool.files.end(), [&](const ImportedFile& file) {
    std::error_code error;
    return fs::exists(fs::path(folder) / file.name, error);
  });
}

}  // namespace

absl::StatusOr<WrittenImport> WriteImport(const OpenApiImport& import, const std::string& folder,
                                          WriteRule rule) {
  WrittenImport written;
  std::error_code error;
  if (rule != WriteRule::kNothing && !import.tools.empty()) {
    fs::create_directories(folder, error);
    if (error) return absl::FailedPreconditionError(absl::StrCat(folder, ": cannot be made"));
  }
  for (const ImportedTool& tool : import.tools) {
    if (rule != WriteRule::kOverwrite && IsThere(tool, folder)) {
      written.kept.push_back(tool.name);
      continue;
    }
    ++written.tools;
    if (rule == WriteRule::kNothing) continue;
    for (const ImportedFile& file : tool.files) {
      ONETAKE_RETURN_IF_ERROR(WriteFile(fs::path(folder) / file.name, file.text));
    }
  }
  return written;
}

std::string RenderImport(const OpenApiImport& import, const WrittenImport& written,
                         const std::string& folder) {
  std::vector<std::vector<std::string>> rows = {{"TOOL", "OPERATION", "CLASS", "NOTES"}};
  std::map<std::string, size_t> classes;
  for (const ImportedTool& tool : import.tools) {
    rows.push_back({tool.name, Printable(absl::StrCat(tool.method, " ", tool.path)), ClassOf(tool),
                    Printable(absl::StrJoin(tool.notes, "; "))});
    ++classes[ClassOf(tool)];
  }
  std::string out = import.tools.empty() ? "" : absl::StrCat(Table(rows), "\n");
  if (!import.refused.empty()) {
    rows = {{"REFUSED", "REASON"}};
    for (const RefusedOperation& refused : import.refused) {
      rows.push_back(
          {Printable(absl::StrCat(refused.method, " ", refused.path)), Printable(refused.reason)});
    }
    absl::StrAppend(&out, Table(rows), "\n");
  }
  if (!written.kept.empty()) {
    absl::StrAppend(
        &out, "kept as they are (--force overwrites): ", absl::StrJoin(written.kept, ", "), "\n");
  }
  absl::StrAppend(&out, Counted(written.tools, "tool", "tools"), " for ", folder, ", ",
                  written.kept.size(), " kept, ", import.refused.size(), " refused. ");
  std::vector<std::string> counts;
  for (const auto& [name, count] : classes) counts.push_back(absl::StrCat(count, " ", name));
  absl::StrAppend(&out, absl::StrJoin(counts, ", "), counts.empty() ? "" : ".", "\n");
  if (written.tools > 0) {
    absl::StrAppend(&out, "These are proposals: read them, and ask `onetake tools lint ", folder,
                    "` what is missing.\n");
  }
  return out;
}

Json ImportToJson(const OpenApiImport& import, const WrittenImport& written) {
  Json tools = Json::array();
  for (const ImportedTool& tool : import.tools) {
    Json files = Json::array();
    for (const ImportedFile& file : tool.files) files.push_back(file.name);
    tools.push_back({{"name", tool.name},
                     {"method", tool.method},
                     {"path", tool.path},
                     {"effect", tool.effect},
                     {"safety", tool.safety},
                     {"notes", tool.notes},
                     {"files", std::move(files)}});
  }
  Json refused = Json::array();
  for (const RefusedOperation& operation : import.refused) {
    refused.push_back(
        {{"method", operation.method}, {"path", operation.path}, {"reason", operation.reason}});
  }
  return {{"tools", std::move(tools)},
          {"refused", std::move(refused)},
          {"kept", written.kept},
          {"written", written.tools}};
}

}  // namespace onetake
