#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/chain_base.h"
#include "runtime/store/database.h"

namespace onetake {

// Appends to the table `events`, and so to the chain: every event is linked to the one before and
// to the rows that were written with it. An event comes last of what it is about, in the
// transaction of that change; a row that is changed without an event of its own breaks the chain.
//
// It remembers the head. When a transaction is rolled back, with however many events in it, it
// reads the head from the file again. Owned by the writer thread.
class EventLog {
 public:
  // A change of a generation.
  struct Change {
    int64_t row = 0;
    absl::Time at;
    absl::string_view kind;
    absl::string_view from;
    absl::string_view to;
    absl::string_view rule;
    absl::string_view actor;
    absl::string_view evidence;
    enum class Sealed { kNo, kYes } sealed = Sealed::kNo;  // the evidence
    // What was written beside the generation and its attempts.
    enum class Wrote { kNothing, kClaim, kResult } wrote = Wrote::kNothing;
    int64_t call_row = 0;  // kClaim: of the call that claimed it
  };

  // A request to execute a tool that was recorded, whose record was completed, or of which
  // something was destroyed.
  struct Call {
    int64_t row = 0;
    absl::Time at;
    absl::string_view kind;  // kCallKind, kAnsweredKind, kErasedKind
    absl::string_view rule;  // of the first two: its role
    absl::string_view actor = "engine";
    absl::string_view evidence = "";
  };
  // What is about no row.
  struct Note {
    absl::string_view tenant;
    absl::Time at;
    absl::string_view kind;
    absl::string_view rule;
    absl::string_view evidence;
  };
  static constexpr char kCallKind[] = "call";
  static constexpr char kAnsweredKind[] = "answered";
  static constexpr char kErasedKind[] = "erased";  // of a call, or of a generation
  static constexpr char kShedKind[] = "shed";
  static constexpr char kPrunedKind[] = "pruned";
  static constexpr char kAlteredKind[] = "altered";

  static absl::StatusOr<std::unique_ptr<EventLog>> Prepare(Database& database);

  // Of the next event: what it is about may be written with it in `last_seq` at once. A row that
  // was not is marked when the event is appended, which costs another write of it.
  absl::StatusOr<int64_t> NextSeq();

  // Before a row that is there already is changed. When it is not what its last event left, an
  // event that says so comes first: else the next one would vouch for what somebody else wrote.
  absl::Status WitnessIntent(int64_t row, absl::Time at);
  absl::Status WitnessCall(int64_t row, absl::Time at);
  // The last event before this process. What came after it and is still under way is not witnessed,
  // as every write would pay for that.
  int64_t opened_at() const { return opened_at_; }

  // Each returns the event's seq.
  absl::StatusOr<int64_t> Append(const Change& change);
  absl::StatusOr<int64_t> AppendCall(const Call& call);
  absl::StatusOr<int64_t> AppendNote(const Note& note);

  // DATA_LOSS when the last event has no proper hash.
  absl::StatusOr<ChainHead> Head();
  // Whether the chain has that event still, with that hash; or says itself that it was removed.
  absl::StatusOr<bool> Extends(const ChainHead& earlier);

 private:
  // An event as it is stored.
  struct Event {
    int64_t at = 0;
    std::string tenant;
    std::optional<int64_t> intent_row, call_row;
    std::string intent_id;
    int64_t generation = 0;
    std::string tool, session_id;
    absl::string_view kind, from, to, rule, actor, evidence;  // of the caller
    bool sealed = false;                                      // the evidence is a blob
    std::string digests;
  };

  explicit EventLog(Database& database) : database_(database) {}
  absl::Status PrepareAll();
  // What the event is about goes into it, and the digests of the rows. The first two mark the row
  // when that was not done.
  absl::Status TakeIntent(int64_t row, int64_t seq, Event& event);
  absl::Status TakeRow(Statement& select, absl::string_view table, int64_t row, Part part,
                       Event& event);
  absl::Status TakeKey(int64_t row, Event& event);
  absl::Status TakeAttributes(int64_t call_row, Event& event);
  absl::Status TakeCall(int64_t row, int64_t seq, Event& event);
  // Into `rows_`, and what it is into the event. Returns the event that the row is marked with.
  absl::StatusOr<int64_t> ReadIntentRow(int64_t row, Event& event);
  absl::StatusOr<int64_t> ReadCallRow(int64_t row, Event& event);
  absl::Status AddAttempts(int64_t row);
  // The event `seq` says of the row that `event` is about what is in `rows_`; else that is noted.
  absl::Status Witness(int64_t seq, Part part, absl::Time at, Event& event);
  absl::Status TakeIntentOfCall(int64_t row, Event& event);
  absl::StatusOr<int64_t> Insert(const Event& event, const ChainHead& head);
  Digest RecordOf(const Event& event);

  Database& database_;
  ChainHasher hasher_;
  RowEncoding rows_;
  Digest genesis_;
  int64_t opened_at_ = 0;
  std::optional<ChainBaseReader> base_;  // set by PrepareAll
  ChainHead head_;
  int64_t head_rollbacks_ = -1;  // Database::Rollbacks() when head_ was right; -1: never
  ColumnNames intent_names_, attempt_names_, body_names_, key_names_, result_names_, call_names_,
      attribute_names_;
  Statement select_head_, select_hash_, select_intent_row_, mark_intent_, select_attempts_,
      select_body_, select_result_, select_call_row_, mark_call_, select_intent_, insert_event_,
      select_key_, select_attributes_, select_digests_;
};

}  // namespace onetake
