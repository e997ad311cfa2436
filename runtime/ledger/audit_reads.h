#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/ledger.h"
#include "runtime/ledger/row_cipher.h"
#include "runtime/store/database.h"

namespace onetake {

// What auditors ask, on a read-only connection of its own: each question in one snapshot and within
// a time limit, because a reader that stays keeps the WAL from shrinking. Owned by the thread of
// its connection.
class AuditReads {
 public:
  static absl::StatusOr<std::unique_ptr<AuditReads>> Prepare(Database& database,
                                                             std::unique_ptr<RowKeys> keys,
                                                             const Clock& clock,
                                                             absl::Duration time_limit);

  // As LedgerQueries in ledger.h.
  absl::StatusOr<std::vector<IntentSummary>> ListIntents(const IntentFilter& filter,
                                                         int64_t before_row, int limit);
  absl::StatusOr<std::vector<IntentDetail>> GetIntent(const std::string& tenant,
                                                      const std::string& id);
  absl::StatusOr<std::vector<EventRecord>> ListEvents(const EventFilter& filter, int64_t after_seq,
                                                      int limit);
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter, int limit);
  absl::StatusOr<ReviewStats> GetReviewStats(const std::string& tenant);

 private:
  struct Identity {
    std::string tenant;
    std::string intent_id;
  };
  // One question over three indexes.
  struct EventLists {
    Statement by_seq, by_intent, by_session;
    Statement& For(const EventFilter& filter);
  };

  AuditReads(Database& database, std::unique_ptr<RowKeys> keys, const Clock& clock,
             absl::Duration time_limit)
      : database_(database), keys_(std::move(keys)), clock_(clock), time_limit_(time_limit) {}
  absl::Status PrepareIntents();
  absl::Status PrepareEvents();
  absl::Status PrepareDetails();
  Statement& ListFor(const IntentFilter& filter);
  absl::StatusOr<Identity> Resolve(const std::string& tenant, const std::string& id);
  absl::StatusOr<std::vector<Identity>> Match(Statement& statement, const std::string& tenant,
                                              const std::string& id);
  absl::StatusOr<std::vector<IntentDetail>> Generations(const Identity& identity);
  absl::StatusOr<std::vector<EventRecord>> ReadEvents(Statement& statement,
                                                      const EventFilter& filter, int64_t after_seq,
                                                      int limit);
  absl::Status AddDetails(IntentDetail& detail);

  Database& database_;
  std::unique_ptr<RowKeys> keys_;
  const Clock& clock_;
  const absl::Duration time_limit_;
  Statement intents_by_row_, intents_by_session_, intents_by_prefix_, intents_unsettled_,
      intents_in_review_;
  EventLists first_events_, last_events_;
  Statement match_exact_, match_prefix_;
  Statement select_generations_, select_attempts_, select_calls_, select_events_, select_review_;
};

}  // namespace onetake
