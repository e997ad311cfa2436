#include "runtime/ledger/row_scan.h"

#include <limits>

#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr int kStepsInsteadOfASearch = 8;

}  // namespace

absl::Status RowScan::Step() {
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run_->Step());
  at_ = found ? run_->Int(0) : std::numeric_limits<int64_t>::max();
  return absl::OkStatus();
}

absl::StatusOr<bool> RowScan::Find(int64_t key) {
  for (int steps = 0; run_.has_value() && at_ < key && steps < kStepsInsteadOfASearch; ++steps) {
    empty_ = at_ + 1;
    ONETAKE_RETURN_IF_ERROR(Step());
  }
  if (!run_.has_value() || key < empty_ || at_ < key) {
    run_.reset();  // ends that run before the statement is run again
    run_.emplace(select_).Int(1, key);
    empty_ = key;
    ONETAKE_RETURN_IF_ERROR(Step());
  }
  return at_ == key;
}

}  // namespace onetake
