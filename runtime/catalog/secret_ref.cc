#include <cstdlib>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/private_file.h"
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
  const absl::StatusOr<Secret> file =
      ReadPrivateFile(reference.name, "secret file", kSecretBytes, PrivateTo::kGroup);
  if (!file.ok() && !absl::IsNotFound(file.status())) return file.status();
  const absl::string_view value =
      file.ok() ? absl::StripTrailingAsciiWhitespace(file->Reveal()) : "";
  if (value.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("secret file ", reference.name, " is missing or empty"));
  }
  return Secret(std::string(value));
}

}  // namespace onetake
