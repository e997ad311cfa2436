#include "runtime/server/master_keys.h"

#include <filesystem>
#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

bool IsMissingFile(const SecretSource& source) {
  std::error_code ignored;  // what cannot be seen cannot be read either
  return source.kind == SecretSource::Kind::kFile && !std::filesystem::exists(source.name, ignored);
}

}  // namespace

absl::StatusOr<std::vector<Secret>> LoadMasterKeys(const SealingConfig& sealing,
                                                   MissingKeyFile missing) {
  std::vector<Secret> masters;
  if (sealing.new_rows == SealingConfig::NewRows::kPlain && IsMissingFile(sealing.master)) {
    return masters;
  }
  ONETAKE_ASSIGN_OR_RETURN(Secret master, LoadSecret(sealing.master, kMasterKeyUse, missing));
  masters.push_back(std::move(master));
  for (const SecretSource& source : sealing.previous) {
    ONETAKE_ASSIGN_OR_RETURN(Secret previous,
                             LoadSecret(source, kMasterKeyUse, MissingKeyFile::kRefuse));
    masters.push_back(std::move(previous));
  }
  return masters;
}

absl::Status RotateMasterKeys(const SealingConfig& sealing, KeyRing& ring, SqliteLedger& ledger) {
  ONETAKE_ASSIGN_OR_RETURN(std::vector<Secret> masters,
                           LoadMasterKeys(sealing, MissingKeyFile::kRefuse));
  if (masters.empty()) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const int64_t rewrapped,
                           ring.Rotate(std::move(masters), [&] { return ledger.RewrapKeys(); }));
  if (rewrapped > 0) {
    Log(LogLevel::kInfo, "sealing.rotated",
        {{LogField::kCount, rewrapped}, {LogField::kVersion, ring.CurrentMaster()}});
  }
  return absl::OkStatus();
}

}  // namespace onetake
