#include "tools/openapi/import.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "runtime/base/status.h"
#include "runtime/catalog/environment.h"
#include "tools/openapi/names.h"
#include "tools/openapi/proposal.h"
#include "tools/openapi/prose.h"
#include "tools/openapi/server.h"

namespace onetake {
namespace {

constexpr size_t kTitleBytes = 60;

// Makes "SQUARE_" of "Square API"; at most two words.
std::string PrefixFrom(absl::string_view title) {
  const std::string name = VariableNameOf(title);
  const std::vector<std::string> words = absl::StrSplit(name, absl::MaxSplits('_', 2));
  return absl::StrCat(words[0], words.size() > 1 ? absl::StrCat("_", words[1]) : "", "_");
}

bool IsAskedFor(const OpenApiImportOptions& options, const FoundOperation& found,
                absl::string_view name) {
  if (options.only.empty()) return true;
  const std::string wanted = absl::AsciiStrToLower(options.only);
  const std::string all = absl::AsciiStrToLower(absl::StrCat(found.method, " ", found.path));
  return absl::StrContains(all, wanted) || absl::StrContains(absl::AsciiStrToLower(name), wanted);
}

class Importer {
 public:
  Importer(const OpenApiDescription& description, const OpenApiImportOptions& options)
      : description_(description),
        options_(options),
        graph_(description),
        prefix_(options.variable_prefix.empty()
                    ? PrefixFrom(description.title().empty() ? "API" : description.title())
                    : options.variable_prefix),
        servers_(prefix_, options.base_url) {}

  OpenApiImport Import();

 private:
  absl::StatusOr<ImportedTool> ImportOne(const OpenApiOperation& operation, std::string name);

  const OpenApiDescription& description_;
  const OpenApiImportOptions& options_;
  SchemaGraph graph_;
  const std::string prefix_;
  ServerNames servers_;
  std::set<std::string> names_;
};

absl::StatusOr<ImportedTool> Importer::ImportOne(const OpenApiOperation& operation,
                                                 std::string name) {
  if (operation.method == "OPTIONS" || operation.method == "TRACE") {
    return absl::InvalidArgumentError(absl::StrCat(operation.method, " is no method of tools"));
  }
  ToolDraft draft{.name = std::move(name),
                  .origin = Shortened(ProseText(description_.title()), kTitleBytes),
                  .operation = operation,
                  .effect = EffectOf(operation),
                  .default_retention = options_.retention};
  if (draft.origin.empty()) draft.origin = "a description without a title";
  const bool write = draft.effect.effect == Effect::kWrite;
  ONETAKE_ASSIGN_OR_RETURN(draft.request,
                           PlanRequest(description_, graph_, operation,
                                       write ? KeySearch::kYes : KeySearch::kNo, options_.fixed));
  ONETAKE_ASSIGN_OR_RETURN(draft.answer, ChooseAnswer(description_, operation.responses));
  ONETAKE_ASSIGN_OR_RETURN(draft.secrets, SecretHeadersOf(description_, operation, prefix_));
  ONETAKE_ASSIGN_OR_RETURN(draft.base_url, servers_.BaseUrlOf(operation));
  if (write) {
    draft.natural =
        NaturalOf(operation, draft.request.key.has_value() ? HasKey::kYes : HasKey::kNo);
  }
  return ProposeTool(draft);
}

OpenApiImport Importer::Import() {
  OpenApiImport import;
  for (const FoundOperation& found : FindOperations(description_)) {
    const std::string id = found.operation.ok() ? found.operation->id : "";
    const std::string name = ToolNameOf(
        id.empty() ? absl::StrCat(absl::AsciiStrToLower(found.method), "_", found.path) : id);
    if (!IsAskedFor(options_, found, name)) continue;
    absl::StatusOr<ImportedTool> tool = found.operation.ok()
                                            ? ImportOne(*found.operation, UniqueName(name, names_))
                                            : found.operation.status();
    if (tool.ok()) {
      import.tools.push_back(*std::move(tool));
    } else {
      import.refused.push_back({.method = found.method,
                                .path = found.path,
                                .reason = std::string(tool.status().message())});
    }
  }
  return import;
}

absl::Status CheckOptions(const OpenApiImportOptions& options) {
  absl::Duration retention;
  if (!options.retention.empty() &&
      (!absl::ParseDuration(options.retention, &retention) || retention < absl::Seconds(1))) {
    return absl::InvalidArgumentError("retention: must be a duration such as 24h");
  }
  if (!options.variable_prefix.empty() && !IsVariableName(options.variable_prefix)) {
    return absl::InvalidArgumentError(
        "variable prefix: must be letters, digits and _, such as SQUARE_");
  }
  const bool url = options.base_url.empty() || absl::StartsWith(options.base_url, "http://") ||
                   absl::StartsWith(options.base_url, "https://") ||
                   absl::StartsWith(options.base_url, "${");
  if (!url) {
    return absl::InvalidArgumentError(
        "base URL: must begin with https:// or http://, or be ${NAME}");
  }
  return absl::OkStatus();
}

// Refuses a name that is in no path: it is misspelt, and its parameter would stay an argument.
absl::Status CheckFixed(const OpenApiDescription& description,
                        const OpenApiImportOptions& options) {
  for (const auto& [name, text] : options.fixed) {
    const std::string hole = absl::StrCat("{", name, "}");
    const Json& paths = description.root().at("paths");
    bool found = false;
    for (const auto& [path, unused] : paths.items()) found |= absl::StrContains(path, hole);
    if (!found) {
      return absl::InvalidArgumentError(
          absl::StrCat("fixed parameter ", name, ": is in no path of the description"));
    }
    if (text.empty() || absl::StrContains(text, '/')) {
      return absl::InvalidArgumentError(
          absl::StrCat("fixed parameter ", name, ": must be one part of a path, or ${NAME}"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpenApiImport> ImportOpenApi(absl::string_view text,
                                            const OpenApiImportOptions& options) {
  ONETAKE_RETURN_IF_ERROR(CheckOptions(options));
  ONETAKE_ASSIGN_OR_RETURN(const OpenApiDescription description, OpenApiDescription::Read(text));
  ONETAKE_RETURN_IF_ERROR(CheckFixed(description, options));
  return Importer(description, options).Import();
}

}  // namespace onetake
