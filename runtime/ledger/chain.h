#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/ledger/row_encoding.h"
#include "runtime/ledger/sha256.h"
#include "runtime/store/database.h"

// The columns of an event that its record covers: all but its number and its hash, in the order of
// the table.
#define ONETAKE_RECORD_COLUMNS                                                       \
  "at, tenant, intent_row, call_row, intent_id, generation, tool, session_id, kind," \
  " from_state, to_state, rule, actor, evidence, digests"

namespace onetake {

// How far the chain goes. The first event is number 1; before it there is number 0, with the hash
// that the ledger's instance id makes.
struct ChainHead {
  int64_t seq = 0;
  Digest hash;
};

// Which rows a digest of an event is about. The letters are part of the format.
enum class Part : char {
  kIntent = 'i',      // the generation and all its attempts, as this event left them
  kBody = 'b',        // what it was claimed with
  kKey = 'k',         // the wrapped key of its sealed fields
  kResult = 'r',      // the downstream's answer
  kCall = 'c',        // a request to execute a tool, as this event left it
  kAttributes = 'a',  // that request's indexed attributes
};

// The functions that make the chain; CHAIN.md has them in words. Not thread-safe: holds a hash
// context.
class ChainHasher {
 public:
  Digest Genesis(absl::string_view instance_id);
  // The digest of encoded rows: one for an event's record or a part, several for kIntent.
  Digest Rows(const RowEncoding& rows) { return Rows(rows.bytes()); }
  Digest Rows(absl::string_view encoded);
  Digest Link(int64_t seq, const Digest& previous, const Digest& record);

 private:
  Sha256 sha256_;
};

// The hash before event 1. DATA_LOSS when the file has no instance id.
absl::StatusOr<Digest> ReadGenesis(Database& database, ChainHasher& hasher);

// A hash as a column holds it. DATA_LOSS unless it has 32 bytes.
absl::StatusOr<Digest> ToDigest(absl::string_view bytes);

// Appends the letter and the digest of a part to `digests`, as in events.digests.
void AppendPart(Part part, const Digest& digest, std::string& digests);
// The digest of a part in events.digests; empty: it has none.
absl::string_view FindPart(absl::string_view digests, Part part);

}  // namespace onetake
