#include "runtime/server/intent_key.h"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/base/private_file.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr char kWhat[] = "intent key file";

absl::Status FileError(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(kWhat, " ", path, ": ", what));
}

absl::StatusOr<Secret> CheckSecret(absl::string_view text, absl::string_view where) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.size() < kIntentKeyBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("intent key in ", where, " has ", trimmed.size(), " bytes, ", kIntentKeyBytes,
                     " or more are needed, e.g. the output of: openssl rand -hex 32"));
  }
  return Secret(std::string(trimmed));
}

absl::Status CreateKeyFile(const std::string& path) {
  std::array<unsigned char, kIntentKeyBytes> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) return FileError(path, "no randomness");
  const Secret text(absl::StrCat(absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(random.data()), random.size())),
                                 "\n"));
  OPENSSL_cleanse(random.data(), random.size());
  ONETAKE_RETURN_IF_ERROR(CreatePrivateFile(path, kWhat, text.Reveal()));
  Log(LogLevel::kWarning, "intent_key.created",
      {{LogField::kPath, path},
       {LogField::kAdvice,
        "keep it, and out of backups of the ledger: without it every intent is new"}});
  return absl::OkStatus();
}

absl::StatusOr<Secret> ReadFile(const std::string& path, MissingKeyFile missing) {
  absl::StatusOr<Secret> text = ReadPrivateFile(path, kWhat);
  if (absl::IsNotFound(text.status())) {
    if (missing == MissingKeyFile::kRefuse) {
      return FileError(path,
                       "is missing, but the ledger exists: a new key would make every recorded "
                       "intent unknown and allow duplicates. Restore the key, or move the ledger "
                       "away to begin anew");
    }
    ONETAKE_RETURN_IF_ERROR(CreateKeyFile(path));
    text = ReadPrivateFile(path, kWhat);
  }
  if (!text.ok()) return text.status();
  return CheckSecret(text->Reveal(), path);
}

}  // namespace

absl::StatusOr<Secret> LoadIntentKey(const IntentKeySource& source, MissingKeyFile missing) {
  if (source.kind == IntentKeySource::Kind::kFile) return ReadFile(source.name, missing);
  const char* value = std::getenv(source.name.c_str());
  if (value == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("intent key: the environment has no variable ", source.name));
  }
  return CheckSecret(value, absl::StrCat("variable ", source.name));
}

}  // namespace onetake
