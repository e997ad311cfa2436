#include "runtime/config/secret_source.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/private_file.h"
#include "runtime/base/status.h"
#include "runtime/config/secret_command.h"

namespace onetake {
namespace {

constexpr absl::Duration kCommandLimit = absl::Seconds(30);

std::string FileOf(const SecretUse& use) { return absl::StrCat(use.name, " file"); }

absl::StatusOr<Secret> CheckSecret(absl::string_view text, const SecretUse& use,
                                   absl::string_view where) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.size() < kSecretBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(use.name, " in ", where, " has ", trimmed.size(), " bytes, ", kSecretBytes,
                     " or more are needed, e.g. the output of: openssl rand -hex 32"));
  }
  return Secret(std::string(trimmed));
}

absl::Status CreateKeyFile(const std::string& path, const SecretUse& use) {
  std::array<unsigned char, kSecretBytes> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) {
    return absl::FailedPreconditionError(absl::StrCat(FileOf(use), " ", path, ": no randomness"));
  }
  const Secret text(absl::StrCat(absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(random.data()), random.size())),
                                 "\n"));
  OPENSSL_cleanse(random.data(), random.size());
  ONETAKE_RETURN_IF_ERROR(CreatePrivateFile(path, FileOf(use), text.Reveal()));
  Log(LogLevel::kWarning, use.created,
      {{LogField::kPath, path}, {LogField::kAdvice, std::string(use.keep)}});
  return absl::OkStatus();
}

absl::StatusOr<Secret> ReadFile(const std::string& path, const SecretUse& use,
                                MissingKeyFile missing) {
  absl::StatusOr<Secret> text = ReadPrivateFile(path, FileOf(use), kKeyFileBytes);
  if (absl::IsNotFound(text.status())) {
    if (missing == MissingKeyFile::kRefuse) {
      return absl::FailedPreconditionError(absl::StrCat(
          FileOf(use), " ", path, ": is missing, but the ledger exists: ", use.if_missing));
    }
    ONETAKE_RETURN_IF_ERROR(CreateKeyFile(path, use));
    text = ReadPrivateFile(path, FileOf(use), kKeyFileBytes);
  }
  if (!text.ok()) return text.status();
  return CheckSecret(text->Reveal(), use, path);
}

absl::StatusOr<Secret> ReadVariable(const std::string& name, const SecretUse& use) {
  const char* value = std::getenv(name.c_str());
  if (value != nullptr) return CheckSecret(value, use, absl::StrCat("variable ", name));
  return absl::FailedPreconditionError(
      absl::StrCat(use.name, ": the environment has no variable ", name));
}

}  // namespace

const SecretUse kIntentKeyUse = {
    .name = "intent key",
    .created = "intent_key.created",
    .keep = "keep it, and out of backups of the ledger: without it every intent is new",
    .if_missing =
        "a new key would make every recorded intent unknown and allow duplicates. Restore "
        "the key, or move the ledger away to begin anew"};

const SecretUse kMasterKeyUse = {
    .name = "master key",
    .created = "master_key.created",
    .keep =
        "keep it, and away from the ledger and its backups: without it nothing sealed can be "
        "read, and whoever has both reads all",
    .if_missing =
        "without it nothing that is sealed can be read. Restore the key; of a ledger that "
        "was never sealed, create one (openssl rand -hex 32) or set sealing: off"};

absl::StatusOr<Secret> LoadSecret(const SecretSource& source, const SecretUse& use,
                                  MissingKeyFile missing) {
  switch (source.kind) {
    case SecretSource::Kind::kFile: return ReadFile(source.name, use, missing);
    case SecretSource::Kind::kEnv: return ReadVariable(source.name, use);
    case SecretSource::Kind::kCommand: {
      const absl::StatusOr<Secret> text = ReadSecretFromCommand(source.command, kCommandLimit);
      if (!text.ok()) return Annotate(text.status(), use.name);
      return CheckSecret(text->Reveal(), use, absl::StrCat("the output of ", source.command[0]));
    }
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
