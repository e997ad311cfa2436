#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/attribute_index.h"
#include "runtime/ledger/audit_calls.h"
#include "runtime/ledger/audit_intents.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/ledger/row_cipher.h"
#include "runtime/store/database.h"

namespace onetake {

// Answers auditors' questions, on a read-only connection of its own: each question in one snapshot
// and within a time limit, because a reader that stays keeps the WAL from shrinking. Owned by the
// thread of its connection.
class AuditReads {
 public:
  // `database`, `clock` and `attributes` must outlive it.
  static absl::StatusOr<std::unique_ptr<AuditReads>> Prepare(Database& database,
                                                             std::unique_ptr<RowKeys> keys,
                                                             const Clock& clock,
                                                             const AttributeIndex& attributes,
                                                             absl::Duration time_limit);

  // As LedgerQueries in ledger_queries.h.
  absl::StatusOr<IntentPage> ListIntents(const IntentFilter& filter, IntentPosition position,
                                         int limit);
  absl::StatusOr<std::vector<IntentDetail>> GetIntent(const std::string& tenant,
                                                      const std::string& id);
  absl::StatusOr<EventPage> ListEvents(const EventFilter& filter, EventPosition position,
                                       int limit);
  absl::StatusOr<EventPage> LastEvents(const EventFilter& filter, int limit);
  absl::StatusOr<int64_t> LastSeq();
  absl::StatusOr<std::vector<CallSummary>> ListCalls(const CallFilter& filter,
                                                     CallPosition position, int limit);
  absl::StatusOr<DuplicateStats> GetDuplicates(const DuplicateQuestion& question);
  absl::StatusOr<ReviewStats> GetReviewStats(const std::string& tenant);
  absl::StatusOr<std::vector<absl::Time>> GetUnsettled();

 private:
  struct Identity {
    std::string tenant;
    std::string intent_id;
  };
  // One question over four indexes, with two statements for the tenant's.
  struct EventLists {
    Statement by_seq, by_intent, by_session, by_time;
    Statement by_tenant;  // sorts, so it is for few events
  };

  AuditReads(Database& database, std::unique_ptr<RowKeys> keys, const Clock& clock,
             const AttributeIndex& attributes, absl::Duration time_limit)
      : database_(database),
        keys_(std::move(keys)),
        clock_(clock),
        time_limit_(time_limit),
        intents_(database, attributes, clock, {.max_sifted = LedgerQueries::kMaxSifted}),
        calls_(database) {}
  absl::Status PrepareEvents();
  absl::Status PrepareDetails();
  absl::StatusOr<Identity> Resolve(const std::string& tenant, const std::string& id);
  absl::StatusOr<std::vector<Identity>> Match(Statement& statement, const std::string& tenant,
                                              const std::string& id);
  absl::StatusOr<std::vector<IntentDetail>> Generations(const Identity& identity);
  // Chooses the statement for a list that looks at `events` events.
  absl::StatusOr<Statement*> Choose(EventLists& lists, const EventFilter& filter, int64_t events);
  absl::Status ReadEvents(Statement& statement, const EventFilter& filter, EventPosition position,
                          int64_t last_seq, EventPage& page, size_t limit);
  absl::Status SiftLastEvents(const EventFilter& filter, EventPage& page, size_t limit);
  absl::StatusOr<int64_t> NumberOf(Statement& statement);
  absl::Status SiftEvents(const EventFilter& filter, int64_t last_seq, EventPage& page,
                          size_t limit);
  absl::Status AddDetails(IntentDetail& detail);
  absl::Status CountCalls(IntentDetail& detail);

  Database& database_;
  std::unique_ptr<RowKeys> keys_;
  const Clock& clock_;
  const absl::Duration time_limit_;
  AuditIntents intents_;
  AuditCalls calls_;
  EventLists first_events_, last_events_;
  Statement match_exact_, match_prefix_;
  Statement select_generations_, select_attempts_, select_calls_, select_events_, select_unsettled_,
      select_review_, select_last_seq_, select_pruned_seq_, count_events_, count_calls_;
};

}  // namespace onetake
