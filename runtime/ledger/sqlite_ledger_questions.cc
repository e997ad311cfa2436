// The part of SqliteLedger that hands questions to the threads of their connections.
#include <utility>

#include "runtime/ledger/sqlite_ledger.h"

namespace onetake {

template <typename T>
void SqliteLedger::Ask(LedgerQueries::Done<T> done,
                       absl::AnyInvocable<absl::StatusOr<T>(AuditReads&)> question) {
  queries_.Submit([this, question = std::move(question),
                   done = std::move(done)](absl::Status admitted) mutable {
    if (!admitted.ok()) return done(std::move(admitted));
    done(question(*audit_));
  });
}

void SqliteLedger::ListIntents(IntentFilter filter, IntentPosition position, int limit,
                               LedgerQueries::Done<IntentPage> done) {
  Ask<IntentPage>(std::move(done),
                  [filter = std::move(filter), position, limit](AuditReads& audit) {
                    return audit.ListIntents(filter, position, limit);
                  });
}

void SqliteLedger::GetIntent(std::string tenant, std::string id,
                             LedgerQueries::Done<std::vector<IntentDetail>> done) {
  Ask<std::vector<IntentDetail>>(
      std::move(done), [tenant = std::move(tenant), id = std::move(id)](AuditReads& audit) {
        return audit.GetIntent(tenant, id);
      });
}

void SqliteLedger::ListEvents(EventFilter filter, EventPosition position, int limit,
                              LedgerQueries::Done<EventPage> done) {
  Ask<EventPage>(std::move(done), [filter = std::move(filter), position, limit](AuditReads& audit) {
    return audit.ListEvents(filter, position, limit);
  });
}

void SqliteLedger::LastEvents(EventFilter filter, int limit, LedgerQueries::Done<EventPage> done) {
  Ask<EventPage>(std::move(done), [filter = std::move(filter), limit](AuditReads& audit) {
    return audit.LastEvents(filter, limit);
  });
}

void SqliteLedger::LastSeq(LedgerQueries::Done<int64_t> done) {
  lookups_.Submit([this, done = std::move(done)](absl::Status admitted) mutable {
    if (!admitted.ok()) return done(std::move(admitted));
    done(reads_->LastSeq());
  });
}

void SqliteLedger::ListSessionEvents(std::string tenant, std::string session_id, int64_t after_seq,
                                     int limit, LedgerQueries::Done<EventPage> done) {
  EventFilter filter{.tenant = std::move(tenant), .session_id = std::move(session_id)};
  sessions_.Submit([this, filter = std::move(filter), after_seq, limit,
                    done = std::move(done)](absl::Status admitted) mutable {
    if (!admitted.ok()) return done(std::move(admitted));
    done(session_->ListEvents(filter, {.seq = after_seq}, limit));
  });
}

void SqliteLedger::RefuseQuestions() {
  sessions_.Refuse();
  queries_.Refuse();
}

void SqliteLedger::ListCalls(CallFilter filter, CallPosition position, int limit,
                             LedgerQueries::Done<std::vector<CallSummary>> done) {
  Ask<std::vector<CallSummary>>(std::move(done),
                                [filter = std::move(filter), position, limit](AuditReads& audit) {
                                  return audit.ListCalls(filter, position, limit);
                                });
}

void SqliteLedger::GetDuplicates(DuplicateQuestion question,
                                 LedgerQueries::Done<DuplicateStats> done) {
  Ask<DuplicateStats>(std::move(done), [question = std::move(question)](AuditReads& audit) {
    return audit.GetDuplicates(question);
  });
}

// The metrics ask it of all tenants, and their alarms must not wait for auditors.
void SqliteLedger::GetReviewStats(std::string tenant, LedgerQueries::Done<ReviewStats> done) {
  if (tenant.empty()) {
    return sessions_.Submit([this, done = std::move(done)](absl::Status admitted) mutable {
      if (!admitted.ok()) return done(std::move(admitted));
      done(session_->GetReviewStats(""));
    });
  }
  Ask<ReviewStats>(std::move(done), [tenant = std::move(tenant)](AuditReads& audit) {
    return audit.GetReviewStats(tenant);
  });
}

void SqliteLedger::GetUnsettled(LedgerQueries::Done<std::vector<absl::Time>> done) {
  sessions_.Submit([this, done = std::move(done)](absl::Status admitted) mutable {
    if (!admitted.ok()) return done(std::move(admitted));
    done(session_->GetUnsettled());
  });
}

void SqliteLedger::SetCommitListener(std::function<void()> committed) {
  absl::MutexLock lock(&listener_mutex_);
  committed_ = std::move(committed);
}

// Runs the listener under the lock, so that one that was taken away runs no more; it does not
// block.
void SqliteLedger::Committed() {
  absl::MutexLock lock(&listener_mutex_);
  if (committed_) committed_();
}

}  // namespace onetake
