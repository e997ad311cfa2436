#include "runtime/store/transaction.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

// We try again ourselves: SQLite's busy timeout would make checkpoints wait for readers as well.
constexpr int kWriteLockTries = 250;
constexpr absl::Duration kBetweenTries = absl::Milliseconds(1);

}  // namespace

absl::StatusOr<Transaction> Transaction::Begin(Database& database, Kind kind) {
  if (kind == Kind::kRead) {
    ONETAKE_RETURN_IF_ERROR(Run(database.begin_read_).Finish());
    return Transaction(database);
  }
  for (int tries_left = kWriteLockTries; true; --tries_left) {
    const absl::Status status = Run(database.begin_write_).Finish();
    if (status.ok()) return Transaction(database);
    if (!absl::IsUnavailable(status) || tries_left == 1) return status;
    absl::SleepFor(kBetweenTries);
  }
}

absl::Status Transaction::Commit() {
  ONETAKE_RETURN_IF_ERROR(Run(database_->commit_).Finish());
  database_ = nullptr;
  return absl::OkStatus();
}

Transaction::~Transaction() {
  // Some errors (FULL, IOERR, NOMEM) have rolled the transaction back already.
  if (database_ == nullptr || !database_->InTransaction()) return;
  // Should this fail, the next BEGIN fails as well, and that is not overlooked.
  Run(database_->rollback_).Finish().IgnoreError();
}

}  // namespace onetake
