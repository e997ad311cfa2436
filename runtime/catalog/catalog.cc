#include "runtime/catalog/catalog.h"

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/catalog_files.h"
#include "runtime/catalog/compile.h"
#include "runtime/catalog/link.h"
#include "runtime/catalog/lint.h"
#include "runtime/catalog/manifest_reader.h"
#include "runtime/catalog/yaml_tree.h"
#include "runtime/catalog/yaml_values.h"

namespace onetake {
namespace {

class Loader {
 public:
  Loader(const std::vector<std::string>& folders, const Environment& environment,
         const KnownPeers& peers)
      : folders_(folders), environment_(environment), peers_(peers), files_(folders) {}

  Catalog Load();

 private:
  void LoadFolder(const std::string& folder);
  void LoadManifest(const std::string& path);
  void CheckKeyRetention(CatalogEntry& entry) const;
  void SayOfFolder(Severity severity, const std::string& folder, absl::string_view message,
                   absl::string_view advice);

  const std::vector<std::string>& folders_;
  const Environment& environment_;
  const KnownPeers& peers_;
  const CatalogFiles files_;
  std::vector<CatalogEntry> entries_;
  std::vector<Diagnostic> diagnostics_;  // about folders
};

void Loader::SayOfFolder(Severity severity, const std::string& folder, absl::string_view message,
                         absl::string_view advice) {
  diagnostics_.push_back({.severity = severity,
                          .file = folder,
                          .line = 0,
                          .column = 0,
                          .field = {},
                          .message = std::string(message),
                          .advice = std::string(advice)});
}

void Loader::LoadFolder(const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> paths = CatalogFiles::Manifests(folder);
  if (!paths.ok()) {
    return SayOfFolder(Severity::kError, folder, std::string(paths.status().message()),
                       "a folder of manifests (*.yaml)");
  }
  if (paths->empty()) {
    SayOfFolder(Severity::kWarning, folder, "has no manifests", "files that end in .yaml or .yml");
  }
  for (const std::string& path : *paths) LoadManifest(path);
}

void Loader::LoadManifest(const std::string& path) {
  CatalogEntry entry{.manifest = {}, .tool = nullptr, .report = ManifestReport(path)};
  const std::string folder = std::filesystem::path(path).parent_path();
  const absl::StatusOr<std::string> text = CatalogFiles::Read(path, kYamlBytesMax);
  YamlDocument document;
  if (text.ok()) {
    document = ParseYaml(*text);
  } else {
    document.faults.push_back(
        {.mark = {}, .message = std::string(text.status().message()), .advice = {}});
  }
  for (const YamlFault& fault : document.faults) entry.report.Error(fault);
  if (document.faults.empty()) {
    SubstituteAll(document.root, "", environment_, entry.report);
    entry.manifest = ReadManifest(
        document.root,
        [&](absl::string_view reference) { return files_.ReadSchema(folder, reference); },
        entry.report);
    entry.tool = CompileManifest(entry.manifest, folder, entry.report);
  }
  entries_.push_back(std::move(entry));
}

// A write that the ledger has forgotten is a new one with the key of the first, and the downstream
// would answer it with what it did then.
void Loader::CheckKeyRetention(CatalogEntry& entry) const {
  const RetrySafety& safety = entry.tool->safety;
  const absl::Duration ledger_keeps = peers_.ledger_keeps.value_or(absl::InfiniteDuration());
  if (!safety.keyed || safety.key_retention <= ledger_keeps) return;
  entry.report.Warn("safety.keyed.retention",
                    "is longer than retention.skeletons of onetake.yaml: the same write after "
                    "that time is answered with the old one's result, and not done",
                    "a retention.skeletons that is not shorter");
}

Catalog Loader::Load() {
  std::set<std::string> seen;
  for (const std::string& folder : folders_) {
    std::error_code error;
    const std::string canonical = std::filesystem::weakly_canonical(folder, error);
    if (seen.insert(error ? folder : canonical).second) LoadFolder(folder);
  }
  if (folders_.empty()) SayOfFolder(Severity::kError, "tools", "no folder is given", "");
  LinkTools(entries_, peers_);
  Catalog catalog;
  catalog.diagnostics = std::move(diagnostics_);
  std::vector<std::shared_ptr<const Tool>> tools;
  for (CatalogEntry& entry : entries_) {
    if (!entry.report.has_errors()) {
      LintTool(entry, environment_);
      CheckKeyRetention(entry);
      tools.push_back(entry.tool);
    }
    const std::vector<Diagnostic>& said = entry.report.diagnostics();
    catalog.diagnostics.insert(catalog.diagnostics.end(), said.begin(), said.end());
  }
  SortDiagnostics(catalog.diagnostics);
  if (!HasErrors(catalog.diagnostics)) {
    catalog.tools = std::make_shared<const ToolSet>(std::move(tools));
  }
  return catalog;
}

}  // namespace

Catalog LoadCatalog(const std::vector<std::string>& folders, const Environment& environment,
                    const KnownPeers& peers) {
  return Loader(folders, environment, peers).Load();
}

}  // namespace onetake
