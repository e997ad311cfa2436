#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Where the ledger is not what was written, and in which way.
struct Finding {
  int64_t seq = 0;   // the first bad event
  std::string how;   // "edited", "removed", "inserted", "reordered", "cut off", "row edited" ...
  std::string what;  // in words, without any value
};

inline Finding RowEdited(int64_t seq, absl::string_view table, int64_t row,
                         absl::string_view what) {
  return {seq, "row edited", absl::StrCat("row ", row, " of ", table, " ", what)};
}

inline Finding RowRemoved(int64_t seq, absl::string_view table, int64_t row) {
  return {seq, "row removed", absl::StrCat("row ", row, " of ", table, " is missing")};
}

inline constexpr char kNotAsWritten[] = "is not what was written with this event";

}  // namespace onetake
