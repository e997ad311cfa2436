#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/chain.h"
#include "runtime/store/database.h"

namespace onetake {

// In SQL: the last event that was removed; 0: none was. What has this number or a smaller one is no
// event of the chain.
#define ONETAKE_PRUNED_SEQ \
  "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'pruned_seq'), 0)"

// Where a chain begins. If nothing was removed from the ledger: at genesis, before event 1.
struct ChainBase {
  ChainHead head;  // the last event that is gone: the first one that is there is linked to it
  // The last rows of `intents` and `calls` that were removed with it; these rows and those before
  // are gone.
  int64_t intent_row = 0;
  int64_t call_row = 0;
  int64_t event = 0;  // the event that says so; 0: nothing was removed

  // The evidence of that event: this base without `event`.
  std::string ToEvidence() const;
  friend bool operator==(const ChainBase& a, const ChainBase& b) {
    return a.head.seq == b.head.seq && a.head.hash == b.head.hash && a.intent_row == b.intent_row &&
           a.call_row == b.call_row && a.event == b.event;
  }
};

// Reads the base from `meta`, which is believed only as far as the chain confirms it. Belongs to
// one connection.
class ChainBaseReader {
 public:
  static absl::StatusOr<ChainBaseReader> Prepare(Database& database);

  // DATA_LOSS when it is no base, or the file has no instance id.
  absl::StatusOr<ChainBase> Read();
  // Whether the event that `base` names is there and says the same.
  absl::StatusOr<bool> IsConfirmed(const ChainBase& base);

 private:
  absl::Status TakeMeta(const Run& run, ChainBase& base);

  Statement select_meta_, select_event_;
  Digest genesis_;
};

// Writes the base; for the writer, in its transaction. The first call comes without `event` and
// before anything is deleted: the schema's triggers let go only of what is not behind the base.
absl::Status WriteChainBase(Database& writer, const ChainBase& base);

}  // namespace onetake
