#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/base/secret.h"
#include "runtime/seal/key_ring.h"
#include "runtime/store/database.h"
#include "runtime/store/statement.h"

// The columns that RowKeys::Of reads, and the table they come from.
#define ONETAKE_SEAL_COLUMNS                                            \
  "i.tenant, i.intent_id, i.generation, i.sealed, k.key_id, k.wrapped," \
  " i.erased_at IS NOT NULL OR i.aged_at IS NOT NULL"
#define ONETAKE_SEAL_JOIN " LEFT JOIN intent_keys k ON k.intent_row = i.intent_row"

namespace onetake {

// How the private fields of one generation are stored: sealed with a key of its own, or as they are
// in a ledger whose operator has turned sealing off. An empty text is stored empty.
class RowCipher {
 public:
  static RowCipher Plain() { return RowCipher(); }
  static RowCipher Erased();
  RowCipher(Secret key, std::string place) : key_(std::move(key)), place_(std::move(place)) {}

  bool IsPlain() const { return !erased_ && key_.empty(); }
  bool IsErased() const { return erased_; }

  // Returns what is stored for `text`. `column` is where it is stored, and part of what is
  // authenticated.
  absl::StatusOr<std::string> Store(absl::string_view column, absl::string_view text) const;
  // Returns an empty text for an erased generation. DATA_LOSS: it is not what was stored there.
  absl::StatusOr<std::string> Read(absl::string_view column, absl::string_view stored) const;
  // Binds what Store() gave.
  void Bind(Run& run, int index, absl::string_view stored) const;

 private:
  RowCipher() = default;

  Secret key_;
  std::string place_;  // tenant, intent and generation
  bool erased_ = false;
};

// One connection's way to the keys of its rows. Owned by the connection's thread.
class RowKeys {
 public:
  enum class NewRows { kSealed, kPlain };
  struct Options {
    NewRows new_rows = NewRows::kPlain;
    absl::Duration rotate_every = absl::Hours(24 * 90);  // a tenant's data key, for new rows
  };
  // `ring` may be null: then what is sealed cannot be read, and new rows are plain.
  static absl::StatusOr<std::unique_ptr<RowKeys>> Prepare(Database& database,
                                                          std::shared_ptr<KeyRing> ring,
                                                          Options options);

  // The cipher of a row that is being inserted; records its key. For the writer only, in its
  // transaction.
  absl::StatusOr<RowCipher> Begin(int64_t row, absl::string_view tenant,
                                  absl::string_view intent_id, int generation, absl::Time now);
  bool SealsNewRows() const { return options_.new_rows == NewRows::kSealed; }

  // The cipher of the row that `run` stands on, whose columns from `first` on are
  // ONETAKE_SEAL_COLUMNS. FAILED_PRECONDITION: the key ring lacks the master key.
  absl::StatusOr<RowCipher> Of(const Run& run, int first);
  absl::StatusOr<RowCipher> OfRow(int64_t row);  // an erased one's when retention has removed it

  // OK when every data key of the ledger can be unwrapped. FAILED_PRECONDITION: a master key is
  // missing. DATA_LOSS: a wrapped key was changed.
  absl::Status CheckAll();
  // Wraps with the current master key every data key that an earlier one has wrapped; returns how
  // many. For the writer only, in its transaction. FAILED_PRECONDITION: a master key is missing.
  absl::StatusOr<int64_t> Rewrap();

 private:
  RowKeys(std::shared_ptr<KeyRing> ring, Options options)
      : ring_(std::move(ring)), options_(options) {}
  absl::StatusOr<int64_t> CurrentDataKey(absl::string_view tenant, absl::Time now);
  absl::StatusOr<std::shared_ptr<const Secret>> DataKey(int64_t key_id, absl::string_view tenant);

  std::shared_ptr<KeyRing> ring_;
  Options options_;
  Statement select_row_, select_current_, select_key_, select_stale_, insert_key_, update_key_,
      insert_row_key_;
};

}  // namespace onetake
