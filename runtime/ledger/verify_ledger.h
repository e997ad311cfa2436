#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/chain_base.h"
#include "runtime/ledger/chained_rows.h"
#include "runtime/ledger/ledger_upkeep.h"

namespace onetake {

// The result of a verification.
struct VerifyReport {
  int64_t events = 0;  // how many were checked and intact
  ChainHead head;      // the last of them
  ChainBase base;      // where the chain began, when the end was reached
  std::optional<Finding> finding;
  int64_t checkpoints = 0;              // how many were checked and right
  int64_t checkpointed_seq = 0;         // the last event that one of them holds; 0: none
  std::string key_id;                   // the key that signed them; empty: none were checked
  bool had_checkpoints = false;         // the ledger says that some were made
  std::optional<absl::Time> copied_at;  // the file's mark that a backup made it
  int64_t later_checkpoints = 0;        // how many were made after a copy, and are not of it
};

struct VerifyOptions {
  std::string path;         // of the ledger's file
  int64_t from_seq = 1;     // what is before is believed; at most where the chain begins
  std::string checkpoints;  // file of checkpoints; empty: none are checked
  std::string public_key;   // PEM file that they must be signed with
  // Whoever asks knows that the file is a backup's copy: checkpoints that are younger than its mark
  // may sign what it does not hold. The mark alone excuses nothing: who cuts off an end can set it.
  bool is_copy = false;
  // How long the server keeps what is removed from the beginning (retention.skeletons); a sooner
  // removal is a finding. Only checkpoints can tell: the chain's own times are its writer's.
  absl::Duration kept_for = AgeRules().skeletons;
  absl::Time now = absl::InfiniteFuture();  // no event is later than this
  // Whether each row is looked up in each index, as whoever asks the ledger does. Takes longer than
  // all the rest, and a snapshot lasts as long as a table takes.
  bool indexes = true;
  int threads = 0;  // that verify, each with a connection; 0: one a core, at most 8
  // How many events a snapshot reads: some tens of milliseconds, for which the WAL cannot shrink.
  int64_t page_events = 10'000;
};

// Verifies a ledger's whole file, in use or not, from a process that does not serve it, and holds
// it against its signed checkpoints. Blocks for as long as it takes; needs some megabytes of memory
// a thread. A status that is not OK means that a file cannot be read, or is not what it should be;
// INVALID_ARGUMENT also for a copy without a mark. See chain_verifier.h for what is found in the
// ledger. With checkpoints, every line must be signed by the key, for this ledger, and further on
// than the line before, or the same again; the chain must hold the event it signs; and there must
// be a checkpoint when the ledger has had some. What was cut off, or computed anew, after the last
// checkpoint goes unseen.
absl::StatusOr<VerifyReport> VerifyLedger(const VerifyOptions& options);

}  // namespace onetake
