#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/ledger/attribute_index.h"

namespace onetake::bench {

// What of the write `n` differs from the others: of each 10,000 about 5,000 book, 3,000 send a
// message, 1,500 cancel, 499 charge and one exports; 250 are rejected, 15 unknown, 5 in review;
// 1,000 are replayed, 20 repeated with another argument. No two of these hang together.
struct Kind {
  std::string tool;
  enum class End { kDone, kRejected, kUnknown, kReview } end = End::kDone;
  enum class Repeat { kNone, kReplayed, kConflict } repeat = Repeat::kNone;
};
Kind KindOf(int64_t n);
constexpr absl::string_view kRareTool = "export_records";

// Indexed: caller_phone, the same for eight writes.
AttributeIndex Attributes();

// Makes a ledger of the writes 1 to `intents` by the code that writes a real one, but in large
// transactions that are not synced: a file that is of use only when this returns OK. Says on stderr
// how far it is.
absl::Status FillLedger(const std::string& path, int64_t intents);

}  // namespace onetake::bench
