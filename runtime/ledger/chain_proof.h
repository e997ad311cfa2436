#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/ledger/chain_checkpoint.h"
#include "runtime/ledger/row_encoding.h"
#include "runtime/ledger/signing_key.h"

namespace onetake {

// The proof that some events are in a ledger, for somebody who has nothing but the public key.
// CHAIN.md has the format. It shows the events of the slice whole; of those between the slice and
// the checkpoint, it shows only the digest of their record.

struct ProofRequest {
  std::string path;         // of the ledger's file
  std::string checkpoints;  // the file of checkpoints
  std::string public_key;   // PEM file of the key that signed them
  std::string intent_id;    // all events about it; or, when empty:
  int64_t from_seq = 0;     // the first of the events
  int64_t to_seq = 0;
};

// Makes a proof as JSON. NOT_FOUND: there are no such events, or a file is missing.
// FAILED_PRECONDITION: no checkpoint signs the last of them yet. OUT_OF_RANGE: more than
// kMaxProofEvents lie between the first and the checkpoint. DATA_LOSS: the ledger is not what the
// checkpoint signs.
inline constexpr int64_t kMaxProofEvents = 1'000'000;
absl::StatusOr<std::string> MakeProof(const ProofRequest& request);

// An event that is proved.
struct ProvedEvent {
  int64_t seq = 0;
  std::vector<EncodedColumn> columns;  // as they were recorded, without seq and hash
};
struct Proof {
  std::vector<ProvedEvent> events;
  Checkpoint checkpoint;
};

// Returns what `json` proves, provided that `key` is the right one. INVALID_ARGUMENT: it is no
// proof. DATA_LOSS: it proves nothing; the message says why.
absl::StatusOr<Proof> CheckProof(absl::string_view json, const VerifyingKey& key);

}  // namespace onetake
