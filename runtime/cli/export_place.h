#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The place where an export goes on, and the file that keeps it. One thread.
namespace onetake {

// A place after an event: "seq:17:HASH", where HASH is the event's in the chain, 64 hex digits, by
// which a ledger of another history is told from the one that was exported. "seq:17" is of an older
// version, or written by hand. Any other place is a page token of the server.
struct SeqPlace {
  int64_t seq = 0;   // 0: before the first
  std::string hash;  // empty: not known
};
std::string ToText(const SeqPlace& place);
// nullopt: the text is a page token. INVALID_ARGUMENT: it begins as a place and is none.
absl::StatusOr<std::optional<SeqPlace>> ParseSeqPlace(absl::string_view text);

// Returns "" when there is no such file yet. FAILED_PRECONDITION: there is one, and it cannot be
// read.
absl::StatusOr<std::string> ReadPlaceFile(const std::string& file_name);
// Writes the file as a whole or not at all. FAILED_PRECONDITION: it cannot be written.
absl::Status WritePlaceFile(const std::string& file_name, absl::string_view place);

}  // namespace onetake
