#include "runtime/store/transaction.h"

#include "runtime/base/status.h"

namespace onetake {

absl::StatusOr<Transaction> Transaction::Begin(Database& database, Kind kind) {
  Run run(kind == Kind::kWrite ? database.begin_write_ : database.begin_read_);
  ONETAKE_RETURN_IF_ERROR(run.Finish());
  return Transaction(database);
}

absl::Status Transaction::Commit() {
  ONETAKE_RETURN_IF_ERROR(Run(database_->commit_).Finish());
  database_ = nullptr;
  return absl::OkStatus();
}

Transaction::~Transaction() {
  // Some errors (FULL, IOERR, NOMEM) have rolled it back already.
  if (database_ == nullptr || !database_->InTransaction()) return;
  // Should this fail, the next BEGIN fails as well, and that is not overlooked.
  Run(database_->rollback_).Finish().IgnoreError();
}

}  // namespace onetake
