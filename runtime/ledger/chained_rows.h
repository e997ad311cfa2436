#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/ledger/chain.h"
#include "runtime/store/database.h"

namespace onetake {

// Where the ledger is not what was written, and how.
struct Finding {
  int64_t seq = 0;   // of the first bad event
  std::string how;   // "edited", "removed", "inserted", "reordered", "cut off", "row edited" ...
  std::string what;  // in words, without any value
};

// The columns of an event that tell which rows it is about. Its texts are the caller's.
struct ChainedEvent {
  int64_t seq = 0;
  std::optional<int64_t> intent_row, call_row;
  absl::string_view kind, to_state, digests;
};

// The part of the verification that is about rows: holds them against the digests of the events.
// Owned by the thread of its connection; used in the snapshot of its caller.
class ChainedRows {
 public:
  explicit ChainedRows(Database& database) : database_(database) {}
  // Where the verification begins: what was recorded before is not its business.
  enum class Since { kBeginning, kFirstSeen };
  absl::Status Prepare(Since since);

  // Events come in order. Nothing found: no value.
  absl::StatusOr<std::optional<Finding>> Check(const ChainedEvent& event);

  // Rows that no event claims, among those that the events since the last call are about; at the
  // end of the chain, behind them as well.
  enum class Reach { kSoFar, kEnd };
  absl::StatusOr<std::optional<Finding>> CheckStrays(Reach reach);

  // A row that names a wrong event as its last one is a finding only when the chain is intact as
  // far as that event. Puts it into `finding` when that is so, and nothing earlier is there.
  void TakeSuspect(Reach reach, std::optional<Finding>& finding) const;

 private:
  // Rows of one table in the order of their events, since the last look for strays.
  struct Range {
    std::optional<int64_t> after;  // no row up to this one is looked at; none: not known yet
    int64_t last = 0;
    int64_t rows = 0;
    void Add(int64_t row);
  };
  using Found = absl::StatusOr<std::optional<Finding>>;

  absl::Status PrepareStrays();
  Found CheckPart(const ChainedEvent& event, Part part, absl::string_view digest);
  Found CheckIntent(const ChainedEvent& event, absl::string_view digest);
  Found CheckIntentNow(const Run& row, const ChainedEvent& event, absl::string_view digest);
  Found CheckStored(const ChainedEvent& event, Part part, absl::string_view digest);
  Found CheckRequest(const ChainedEvent& event);
  Found CheckCall(const ChainedEvent& event, absl::string_view digest);
  // That the event which a row names as its last one is about this row.
  absl::Status CheckLast(const ChainedEvent& event, Part part, int64_t last_seq);
  Found CheckRange(Range& range, Reach reach, Part part);
  Found FindStray(int64_t after, int64_t up_to, Part part);
  Finding Stray(int64_t row, absl::string_view table) const;
  absl::StatusOr<bool> HasResultEvent(int64_t intent_row);
  absl::StatusOr<bool> IsAged(int64_t intent_row);

  Database& database_;
  ChainHasher hasher_;
  Sha256 sha256_;
  RowEncoding encoding_;
  Range intents_, calls_;
  int64_t seq_ = 0;  // of the last event
  struct Suspect {
    Finding finding;
    int64_t last_seq = 0;  // what the row names
  };
  std::optional<Suspect> suspect_;
  Statement select_intent_, select_attempts_, select_body_, select_request_, select_result_,
      select_call_, select_event_, select_results_, select_aged_;
  Statement count_intents_, find_intent_, count_calls_, find_call_, find_orphan_;
};

}  // namespace onetake
