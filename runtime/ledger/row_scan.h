#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/store/statement.h"

namespace onetake {

// Finds the rows of a table that are asked for in the order of its key, or nearly so, without a
// search for each: it goes along the table. Owned by the thread of its connection.
class RowScan {
 public:
  // `select` is "SELECT key, .. FROM .. WHERE key >= ?1 ORDER BY key", of integers. To be called
  // first.
  void Use(Statement select) { select_ = std::move(select); }

  // Whether there is a row with that key. If so, row() stands on it until the next call.
  absl::StatusOr<bool> Find(int64_t key);
  const Run& row() const { return *run_; }
  // To be called before the snapshot that it reads in ends, and so before it reads in another one.
  void Close() { run_.reset(); }

 private:
  absl::Status Step();

  Statement select_;
  std::optional<Run> run_;
  int64_t at_ = 0;     // the key of the row that it stands on; behind the last: the greatest number
  int64_t empty_ = 0;  // from this key on, up to at_, there is no row
};

}  // namespace onetake
