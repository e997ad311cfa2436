#include "runtime/catalog/catalog_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/catalog/yaml_tree.h"

namespace onetake {
namespace {

namespace fs = std::filesystem;

bool IsManifestName(const fs::path& path) {
  const std::string name = path.filename();
  return !absl::StartsWith(name, ".") &&
         (absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml"));
}

// Whether `file` lies in `folder`. Both are canonical.
bool IsInside(const fs::path& file, const fs::path& folder) {
  const auto [folder_end, unused] =
      std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return folder_end == folder.end();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CatalogFiles::Manifests(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(fs::exists(folder, error) ? "is not a folder"
                                                         : "there is no such folder");
  }
  std::vector<std::string> paths;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (IsManifestName(entry->path()) && !fs::is_directory(entry->path(), ignored)) {
      paths.push_back(entry->path());
    }
  }
  if (error) return absl::NotFoundError(absl::StrCat("cannot be read: ", error.message()));
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<std::string> CatalogFiles::Read(const std::string& path, size_t limit) {
  std::error_code error;
  // A pipe or a device would block, or never end.
  if (!fs::is_regular_file(path, error)) {
    return absl::NotFoundError(fs::exists(path, error) ? "is not a regular file"
                                                       : "there is no such file");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(limit + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return absl::NotFoundError("cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

absl::StatusOr<std::string> CatalogFiles::ReadSchema(const std::string& folder,
                                                     absl::string_view reference) const {
  const fs::path named{std::string(reference)};
  if (named.empty() || named.is_absolute() || absl::StrContains(reference, '#') ||
      absl::StrContains(reference, "://") || named.extension() != ".json") {
    return absl::InvalidArgumentError(
        "must be the path of a .json file, relative to the manifest, and no more");
  }
  std::error_code error;
  const fs::path file = fs::canonical(fs::path(folder) / named, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("there is no such file beside the manifest: ", error.message()));
  }
  const bool inside = std::any_of(folders_.begin(), folders_.end(), [&](const std::string& one) {
    std::error_code ignored;
    const fs::path root = fs::canonical(one, ignored);
    return !ignored && IsInside(file, root);
  });
  if (!inside) {
    return absl::InvalidArgumentError(
        "leads out of the catalog's folders; put the schema into one of them");
  }
  return Read(file, kYamlBytesMax);
}

}  // namespace onetake
