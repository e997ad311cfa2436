#include "runtime/cli/write_file.h"

#include <fstream>

#include "absl/strings/str_cat.h"

namespace onetake {

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.good()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be written"));
}

}  // namespace onetake
