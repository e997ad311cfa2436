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
#include "runtime/ledger/sha256.h"
#include "runtime/store/database.h"

namespace onetake {

// Appends to the table `events`, and so to the chain: every event is linked to the one before and
// to the rows that were written with it. An event is written after the rows that it is about, in
// the transaction of that change; a row that is changed without an event of its own breaks the
// chain.
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
    enum class Sealed { kNo, kYes } sealed = Sealed::kNo;  // whether the evidence is
    // What was written beside the generation and its attempts.
    enum class Wrote { kNothing, kClaim, kResult } wrote = Wrote::kNothing;
    int64_t call_row = 0;  // kClaim: the call that claimed it
  };

  // A request to execute a tool: it was recorded, or its record was completed, or something of it
  // was destroyed.
  struct Call {
    int64_t row = 0;
    absl::Time at;
    absl::string_view kind;  // kCallKind, kAnsweredKind, kErasedKind
    absl::string_view rule;  // the call's role, for the first two
    absl::string_view actor = "engine";
    absl::string_view evidence = "";
  };
  // An event that is about no row.
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

  // The seq of the next event: the rows that it is about may be written with it in `last_seq` at
  // once. Any other row is marked when the event is appended, which costs another write of it.
  absl::StatusOr<int64_t> NextSeq();

  // To be called before a row that is there already is changed. If the row is not what its last
  // event left, an event that says so comes first: else the next one would vouch for what somebody
  // else wrote.
  absl::Status WitnessIntent(int64_t row, absl::Time at);
  absl::Status WitnessCall(int64_t row, absl::Time at);
  // Whether a generation's row, attempts, body and request are what its events left: else somebody
  // else has written what would be sent.
  absl::StatusOr<bool> IsAsRecorded(int64_t row);
  // The seq of the last event before this process. Rows that came after it and are still under way
  // are not witnessed, as every write would pay for that.
  int64_t opened_at() const { return opened_at_; }

  // Each Append returns the event's seq.
  absl::StatusOr<int64_t> Append(const Change& change);
  absl::StatusOr<int64_t> AppendCall(const Call& call);
  absl::StatusOr<int64_t> AppendNote(const Note& note);

  // DATA_LOSS when the last event has no proper hash.
  absl::StatusOr<ChainHead> Head();
  // Whether the chain still has that event with that hash, or itself says that it was removed.
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
    absl::string_view kind, from, to, rule, actor, evidence;  // the caller's
    bool sealed = false;                                      // the evidence is a blob
    std::string digests;
  };

  explicit EventLog(Database& database) : database_(database) {}
  absl::Status PrepareAll();
  // Each takes what the event is about, and the digests of the rows, into `event`. Those with a
  // `seq` also mark the row with it, if that was not done.
  absl::Status TakeIntent(int64_t row, int64_t seq, Event& event);
  absl::Status TakeRow(Statement& select, absl::string_view table, int64_t row, Part part,
                       Event& event);
  absl::Status TakeKey(int64_t row, Event& event);
  absl::Status TakeAttributes(int64_t call_row, Event& event);
  absl::Status TakeCall(int64_t row, int64_t seq, Event& event);
  // Reads the row into `rows_`, and what it is into the event. Returns the seq of the event that
  // the row is marked with.
  absl::StatusOr<int64_t> ReadIntentRow(int64_t row, Event& event);
  absl::StatusOr<int64_t> ReadCallRow(int64_t row, Event& event);
  absl::Status AddAttempts(int64_t row);
  // Checks that the event `seq` says of the row that `event` is about what is in `rows_`; if not,
  // appends an event that says so.
  absl::Status Witness(int64_t seq, Part part, absl::Time at, Event& event);
  // Whether the event `seq` is about what `event` is, and says of it what is in `rows_`.
  absl::StatusOr<bool> IsAsLeft(int64_t seq, Part part, const Event& event);
  // Whether the body and the request of a generation are those of its claim.
  absl::StatusOr<bool> IsAsClaimed(int64_t row);
  absl::Status TakeIntentOfCall(int64_t row, Event& event);
  absl::StatusOr<int64_t> Insert(const Event& event, const ChainHead& head);
  Digest RecordOf(const Event& event);

  Database& database_;
  ChainHasher hasher_;
  Sha256 sha256_;
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
      select_key_, select_attributes_, select_digests_, select_claim_, select_request_;
};

}  // namespace onetake
