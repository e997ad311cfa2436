#include "runtime/ledger/row_cipher.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"
#include "runtime/seal/aead.h"

namespace onetake {
namespace {

constexpr absl::string_view kFieldDomain = "onetake/seal/field/v1";
constexpr absl::string_view kRowKeyDomain = "onetake/seal/row-key/v1";

std::string PlaceOf(absl::string_view tenant, absl::string_view intent_id, int64_t generation) {
  return SealContext({tenant, intent_id, absl::StrCat(generation)});
}

}  // namespace

RowCipher RowCipher::Erased() {
  RowCipher cipher;
  cipher.erased_ = true;
  return cipher;
}

absl::StatusOr<std::string> RowCipher::Store(absl::string_view column,
                                             absl::string_view text) const {
  if (text.empty() || erased_) return std::string();
  if (IsPlain()) return std::string(text);
  return Seal(key_, SealContext({kFieldDomain, place_, column}), text);
}

absl::StatusOr<std::string> RowCipher::Read(absl::string_view column,
                                            absl::string_view stored) const {
  if (stored.empty() || erased_) return std::string();
  if (IsPlain()) return std::string(stored);
  return Unseal(key_, SealContext({kFieldDomain, place_, column}), stored);
}

void RowCipher::Bind(Run& run, int index, absl::string_view stored) const {
  if (IsPlain() || stored.empty()) {
    run.Text(index, stored);
  } else {
    run.Blob(index, stored);
  }
}

absl::StatusOr<std::unique_ptr<RowKeys>> RowKeys::Prepare(Database& database,
                                                          std::shared_ptr<KeyRing> ring,
                                                          Options options) {
  if (ring == nullptr) options.new_rows = NewRows::kPlain;
  std::unique_ptr<RowKeys> keys(new RowKeys(std::move(ring), options));
  ONETAKE_ASSIGN_OR_RETURN(keys->select_row_, database.Prepare("SELECT " ONETAKE_SEAL_COLUMNS
                                                               " FROM intents i" ONETAKE_SEAL_JOIN
                                                               " WHERE i.intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      keys->select_current_,
      database.Prepare("SELECT key_id, created_at FROM seal_keys WHERE tenant = ?1"
                       " ORDER BY key_id DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      keys->select_key_,
      database.Prepare("SELECT master, wrapped FROM seal_keys WHERE key_id = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      keys->select_stale_,
      database.Prepare("SELECT key_id, tenant, master, wrapped FROM seal_keys WHERE master != ?1"));
  ONETAKE_ASSIGN_OR_RETURN(keys->insert_key_,
                           database.Prepare("INSERT INTO seal_keys (tenant, master, wrapped,"
                                            " created_at) VALUES (?1, ?2, ?3, ?4)"
                                            " RETURNING key_id"));
  ONETAKE_ASSIGN_OR_RETURN(
      keys->update_key_,
      database.Prepare("UPDATE seal_keys SET master = ?2, wrapped = ?3 WHERE key_id = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(keys->insert_row_key_,
                           database.Prepare("INSERT INTO intent_keys (intent_row, key_id, wrapped)"
                                            " VALUES (?1, ?2, ?3)"));
  return keys;
}

absl::StatusOr<int64_t> RowKeys::CurrentDataKey(absl::string_view tenant, absl::Time now) {
  {
    Run run(select_current_);
    run.Text(1, tenant);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (found && absl::FromUnixMicros(run.Int(1)) + options_.rotate_every > now) return run.Int(0);
  }
  ONETAKE_ASSIGN_OR_RETURN(const WrappedKey made, ring_->NewDataKey(tenant));
  Run run(insert_key_);
  run.Text(1, tenant).Text(2, made.master).Blob(3, made.bytes).Int(4, ToColumn(now));
  ONETAKE_ASSIGN_OR_RETURN(const bool inserted, run.Step());
  ONETAKE_CHECK(inserted);
  return run.Int(0);
}

absl::StatusOr<std::shared_ptr<const Secret>> RowKeys::DataKey(int64_t key_id,
                                                               absl::string_view tenant) {
  if (ring_ == nullptr) {
    return absl::FailedPreconditionError(
        "the ledger holds sealed fields and no master key is configured: set sealing.master");
  }
  Run run(select_key_);
  run.Int(1, key_id);
  const absl::StatusOr<bool> found = run.Step();
  // DATA_LOSS is for a key that is damaged or gone: callers go on without one. A disk that cannot
  // be read just now is no reason to do that, and to lose what the key would have sealed.
  if (absl::IsDataLoss(found.status())) return absl::InternalError(found.status().message());
  ONETAKE_RETURN_IF_ERROR(found.status());
  if (!*found) return absl::DataLossError("a data key of the ledger is missing");
  return ring_->DataKey(tenant, {std::string(run.Text(0)), std::string(run.Blob(1))});
}

absl::StatusOr<RowCipher> RowKeys::Begin(int64_t row, absl::string_view tenant,
                                         absl::string_view intent_id, int generation,
                                         absl::Time now) {
  if (!SealsNewRows()) return RowCipher::Plain();
  ONETAKE_ASSIGN_OR_RETURN(const int64_t key_id, CurrentDataKey(tenant, now));
  ONETAKE_ASSIGN_OR_RETURN(const std::shared_ptr<const Secret> data_key, DataKey(key_id, tenant));
  ONETAKE_ASSIGN_OR_RETURN(Secret key, NewSealKey());
  std::string place = PlaceOf(tenant, intent_id, generation);
  ONETAKE_ASSIGN_OR_RETURN(const std::string wrapped,
                           Seal(*data_key, SealContext({kRowKeyDomain, place}), key.Reveal()));
  ONETAKE_RETURN_IF_ERROR(
      Run(insert_row_key_).Int(1, row).Int(2, key_id).Blob(3, wrapped).Finish());
  return RowCipher(std::move(key), std::move(place));
}

absl::StatusOr<RowCipher> RowKeys::Of(const Run& run, int first) {
  if (run.Int(first + 6) != 0) return RowCipher::Erased();
  if (run.Int(first + 3) == 0) return RowCipher::Plain();
  if (run.IsNull(first + 5)) return absl::DataLossError("the key of an intent is missing");
  const absl::string_view tenant = run.Text(first);
  ONETAKE_ASSIGN_OR_RETURN(const std::shared_ptr<const Secret> data_key,
                           DataKey(run.Int(first + 4), tenant));
  std::string place = PlaceOf(tenant, run.Text(first + 1), run.Int(first + 2));
  ONETAKE_ASSIGN_OR_RETURN(
      std::string key, Unseal(*data_key, SealContext({kRowKeyDomain, place}), run.Blob(first + 5)));
  if (key.size() != kSealKeyBytes) return absl::DataLossError("an intent's key has a wrong size");
  return RowCipher(Secret(std::move(key)), std::move(place));
}

absl::StatusOr<RowCipher> RowKeys::OfRow(int64_t row) {
  Run run(select_row_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return RowCipher::Erased();
  return Of(run, 0);
}

absl::Status RowKeys::CheckAll() {
  return Run(select_stale_).Text(1, "").ForEach([&](const Run& row) {
    return DataKey(row.Int(0), row.Text(1)).status();
  });
}

absl::StatusOr<int64_t> RowKeys::Rewrap() {
  if (ring_ == nullptr) return 0;
  struct Stale {
    int64_t key_id;
    std::string tenant;
    WrappedKey wrapped;
  };
  std::vector<Stale> all;
  const std::string current = ring_->CurrentMaster();
  ONETAKE_RETURN_IF_ERROR(Run(select_stale_).Text(1, current).ForEach([&](const Run& row) {
    all.push_back({row.Int(0),
                   std::string(row.Text(1)),
                   {std::string(row.Text(2)), std::string(row.Blob(3))}});
    return absl::OkStatus();
  }));
  for (const Stale& stale : all) {
    ONETAKE_ASSIGN_OR_RETURN(const WrappedKey made, ring_->Rewrap(stale.tenant, stale.wrapped));
    ONETAKE_RETURN_IF_ERROR(
        Run(update_key_).Int(1, stale.key_id).Text(2, made.master).Blob(3, made.bytes).Finish());
  }
  return static_cast<int64_t>(all.size());
}

}  // namespace onetake
