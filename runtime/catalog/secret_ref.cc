#include <cstdlib>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/catalog/tool.h"

namespace onetake {
namespace {

constexpr size_t kSecretBytes = 16 * 1024;

}  // namespace

absl::StatusOr<Secret> ResolveSecret(const SecretRef& reference) {
  if (reference.kind == SecretRef::Kind::kEnv) {
    const char* value = std::getenv(reference.name.c_str());
    if (value == nullptr || *value == '\0') {
      return absl::FailedPreconditionError(
          absl::StrCat("secret env ", reference.name, " is not set"));
    }
    return Secret(value);
  }
  std::ifstream file(reference.name, std::ios::binary);
  std::string value(kSecretBytes, '\0');
  file.read(value.data(), static_cast<std::streamsize>(value.size()));
  value.resize(static_cast<size_t>(file.gcount()));
  absl::StripTrailingAsciiWhitespace(&value);
  if (value.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("secret file ", reference.name, " is missing or empty"));
  }
  return Secret(std::move(value));
}

}  // namespace onetake
