#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// The folders of a catalog, seen as files. Blocks on the disk; never throws.
class CatalogFiles {
 public:
  explicit CatalogFiles(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // The manifests of one folder, sorted. NOT_FOUND when the folder is missing, no folder, or cannot
  // be read.
  static absl::StatusOr<std::vector<std::string>> Manifests(const std::string& folder);

  // Reads the first `limit` + 1 bytes. NOT_FOUND when it is no readable regular file.
  static absl::StatusOr<std::string> Read(const std::string& path, size_t limit);

  // Reads the file that a manifest in `folder` names by `$ref`: a relative path to a .json file
  // that lies, once every symbolic link is followed, in one of the catalog's folders.
  absl::StatusOr<std::string> ReadSchema(const std::string& folder,
                                         absl::string_view reference) const;

 private:
  const std::vector<std::string> folders_;
};

}  // namespace onetake
