#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/store/database.h"

namespace onetake {

// A transaction of one connection; rolled back unless committed. Owned by the connection's thread.
class Transaction {
 public:
  enum class Kind {
    kRead,   // one snapshot, taken at the first read
    kWrite,  // holds the write lock from the start
  };
  // UNAVAILABLE when another connection, another writer, keeps the write lock for longer than 250
  // ms. For an instant a reader may take it too, to read an index header again that was being
  // written.
  static absl::StatusOr<Transaction> Begin(Database& database, Kind kind);
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // OK: the transaction is on disk, with synchronous=FULL. RESOURCE_EXHAUSTED: it was rolled back,
  // surely not recorded. Any other error means unknown: it may be found after a restart.
  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // null once moved from or committed
};

}  // namespace onetake
