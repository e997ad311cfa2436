#include "runtime/server/master_keys.h"

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::Duration kRest = absl::Seconds(2);
constexpr int kMostPauses = 3;

bool IsMissingFile(const SecretSource& source) {
  std::error_code ignored;  // what cannot be seen cannot be read either
  return source.kind == SecretSource::Kind::kFile && !std::filesystem::exists(source.name, ignored);
}

std::string IdOf(const Secret& master) {
  std::vector<Secret> alone;
  alone.emplace_back(std::string(master.Reveal()));
  return KeyRing(std::move(alone)).CurrentMaster();
}

absl::StatusOr<std::vector<Secret>> LoadWholeKeys(const SealingConfig& sealing,
                                                  std::vector<Secret> read,
                                                  absl::FunctionRef<void()> pause) {
  for (int pauses = 0; pauses < kMostPauses; ++pauses) {
    pause();
    ONETAKE_ASSIGN_OR_RETURN(std::vector<Secret> again,
                             LoadMasterKeys(sealing, MissingKeyFile::kRefuse));
    if (again.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("master key file ", sealing.master.name, " is gone again"));
    }
    if (again.front().Equals(read.front().Reveal())) return again;
    read = std::move(again);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "master key file ", sealing.master.name, " is being written: reload again when it is whole"));
}

// Whoever has named earlier keys waits to be told that they are needed no more.
bool IsTold(const SealingConfig& sealing, int64_t rewrapped) {
  return rewrapped > 0 || !sealing.previous.empty();
}

void LogRotated(const KeyRing& ring, int64_t rewrapped) {
  Log(LogLevel::kInfo, "sealing.rotated",
      {{LogField::kCount, rewrapped}, {LogField::kVersion, ring.CurrentMaster()}});
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

absl::Status RotateMasterKeys(const SealingConfig& sealing, KeyRing& ring, SqliteLedger& ledger,
                              absl::FunctionRef<void()> pause) {
  const std::string before = ring.CurrentMaster();
  ONETAKE_ASSIGN_OR_RETURN(std::vector<Secret> masters,
                           LoadMasterKeys(sealing, MissingKeyFile::kRefuse));
  if (masters.empty()) return absl::OkStatus();
  const bool is_new = IdOf(masters.front()) != before;
  if (is_new && sealing.master.kind == SecretSource::Kind::kFile) {
    ONETAKE_ASSIGN_OR_RETURN(masters, LoadWholeKeys(sealing, std::move(masters), pause));
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t rewrapped,
                           ring.Rotate(std::move(masters), [&] { return ledger.RewrapKeys(); }));
  if (is_new || IsTold(sealing, rewrapped)) LogRotated(ring, rewrapped);
  return absl::OkStatus();
}

void RestOfKeyFile() { absl::SleepFor(kRest); }

absl::Status RewrapAtStart(const SealingConfig& sealing, const KeyRing& ring,
                           SqliteLedger& ledger) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t rewrapped, ledger.RewrapKeys());
  if (IsTold(sealing, rewrapped)) LogRotated(ring, rewrapped);
  return absl::OkStatus();
}

}  // namespace onetake
