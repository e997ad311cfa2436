#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/finding.h"
#include "runtime/ledger/row_scan.h"
#include "runtime/store/database.h"

namespace onetake {

// The columns of an event that tell which rows it is about. The texts belong to the caller.
struct ChainedEvent {
  int64_t seq = 0;
  int64_t at = 0;
  std::optional<int64_t> intent_row, call_row;
  absl::string_view tenant, intent_id, tool, session_id;
  int64_t generation = 0;
  absl::string_view kind, to_state, digests;
};

// The part of the verification that is about rows: holds them against the digests of the events.
// Owned by the thread of its connection; used in the snapshot of its caller.
class ChainedRows {
 public:
  explicit ChainedRows(Database& database) : database_(database) {}
  // Where the verification begins. What was recorded before that is not checked.
  enum class Since { kBeginning, kFirstSeen };
  absl::Status Prepare(Since since);

  // To be called before the first event of a snapshot. Rows up to these were removed, with the
  // events that they were first about; these numbers may grow from one snapshot to the next.
  void BeginSnapshot(int64_t gone_intents, int64_t gone_calls);

  // Checks one event; events come in order. No value: nothing was found.
  absl::StatusOr<std::optional<Finding>> Check(const ChainedEvent& event);

  // Looks for rows that no event claims, among those that the events since the last call are about;
  // at the end of the chain, behind them as well.
  enum class Reach { kSoFar, kEnd };
  absl::StatusOr<std::optional<Finding>> CheckStrays(Reach reach);

  // A row that names a wrong event as its last one is a finding only when the chain is intact as
  // far as that event. Puts it into `finding` when that is so, and nothing earlier is there. To be
  // called once after the last event of a snapshot, while it holds.
  absl::Status TakeSuspect(Reach reach, std::optional<Finding>& finding);

  // Rows of one table in the order of their events, as far as they are known to belong to events.
  struct Span {
    int64_t first = 0, last = 0;  // `first` 0: none
  };
  struct Spans {
    Span intents, calls;
  };
  // The spans since this was made or began anew. No value when a row is missing between them, or
  // when anything was found, however small.
  std::optional<Spans> Dense() const;
  // Begins anew behind what is believed.
  void BeginAnew();
  // Goes on behind rows that another one has found Dense(), up to the event `last_seq`. False: they
  // do not begin where these end, or something is to be looked at; then nothing is changed.
  bool Take(const Spans& spans, int64_t last_seq);

 private:
  // Rows of one table in the order of their events, since the last look for strays.
  struct Range {
    std::optional<int64_t> after;  // no row up to this one is counted; none: not known yet
    int64_t first = 0;             // 0: none since then
    int64_t last = 0;
    int64_t rows = 0;
    int64_t begin = 0;  // the first of all; 0: none
    bool dense = true;  // none is missing since `begin`
    void Add(int64_t row);
    bool Fits(const Span& span) const;
    void Take(const Span& span);
  };
  // A row that is to be what a later event left.
  struct Expected {
    int64_t last_seq = 0;  // that event's number
    int64_t seq = 0;       // of the event that the row is first about
  };
  using ExpectedRows = absl::flat_hash_map<int64_t, Expected>;
  using Found = absl::StatusOr<std::optional<Finding>>;

  absl::Status PrepareScans();
  void CloseScans();
  absl::Status PrepareStrays();
  Found CheckPart(const ChainedEvent& event, Part part, absl::string_view digest);
  Found CheckIntent(const ChainedEvent& event, absl::string_view digest);
  Found CheckIntentNow(const Run& row, const ChainedEvent& event, absl::string_view digest);
  Found CheckClaim(const ChainedEvent& event, const Run& row);
  Found CheckBody(const ChainedEvent& event, absl::string_view digest);
  Found CheckGone(const ChainedEvent& event);
  Found CheckRequest(const ChainedEvent& event, const Run& body);
  Found CheckKey(const ChainedEvent& event);
  Found CheckAttributes(const ChainedEvent& event, absl::string_view digest);
  Found CheckResult(const ChainedEvent& event, absl::string_view digest);
  Found CheckCall(const ChainedEvent& event, absl::string_view digest);
  // Checks that the event which a row names as its last one is about this row, for rows whose last
  // event has not come yet.
  absl::Status CheckExpected(ExpectedRows& rows, Part part);
  absl::Status CheckLast(const Expected& expected, int64_t row, Part part);
  Found CheckRange(Range& range, Reach reach, Part part);
  // Looks in front of the first number that the ledger gives to a row.
  Found FindBelowFirst();
  Found FindOrphan(int64_t after, int64_t up_to);
  Found FindStray(int64_t after, int64_t up_to, Part part);
  Finding Stray(int64_t row, absl::string_view table) const;
  Found Missing(const ChainedEvent& event, absl::string_view table);
  absl::StatusOr<bool> HasResultRow(int64_t intent_row);
  absl::StatusOr<bool> HasResultEvent(int64_t intent_row);
  absl::StatusOr<bool> IsAged(int64_t intent_row);
  absl::StatusOr<bool> MayLackAttributes(int64_t call_row);

  Database& database_;
  ChainHasher hasher_;
  Sha256 sha256_;
  RowEncoding encoding_;
  bool look_below_first_ = false;
  Range intents_, calls_;
  ExpectedRows expected_intents_, expected_calls_;
  int64_t gone_intents_ = 0, gone_calls_ = 0;
  int64_t seq_ = 0;                  // of the last event
  std::optional<int64_t> data_key_;  // a key that is there in this snapshot
  struct Suspect {
    Finding finding;
    int64_t seq = 0;       // of the event that its row is first about
    int64_t last_seq = 0;  // what the row names
  };
  std::optional<Suspect> suspect_;
  ColumnNames intent_names_, attempt_names_, body_names_, key_names_, result_names_, call_names_,
      attribute_names_;
  // The rows of the tables that events reach in the order of the rows.
  RowScan claimed_, bodies_, requests_, keys_, first_calls_;
  Statement select_intent_, select_attempts_, select_result_, select_call_, select_event_,
      select_results_, select_aged_, select_attributes_, select_erased_call_, select_data_key_;
  Statement count_intents_, find_intent_, count_calls_, find_call_, find_orphan_, find_below_first_;
};

}  // namespace onetake
