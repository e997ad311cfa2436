#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/base/limits.h"
#include "runtime/ledger/attribute_index.h"
#include "runtime/ledger/audit_reads.h"
#include "runtime/ledger/chain_queries.h"
#include "runtime/ledger/chain_reads.h"
#include "runtime/ledger/checkpoint_keeper.h"
#include "runtime/ledger/group_commit.h"
#include "runtime/ledger/latency_rows.h"
#include "runtime/ledger/latency_store.h"
#include "runtime/ledger/ledger.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/ledger/ledger_reads.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/read_worker.h"
#include "runtime/ledger/restoration.h"
#include "runtime/ledger/schema_check.h"
#include "runtime/ledger/upkeep_writes.h"
#include "runtime/store/database.h"
#include "runtime/store/file_identity.h"
#include "runtime/store/file_lock.h"

namespace onetake {

// The ledger in one SQLite file, for one process. README.md describes the file.
//
// One thread writes, one answers Lookup, one tells conversations what they have missed, and the
// metrics what waits, and one answers the auditors' questions, so that a slow question holds up
// nobody. Thread-safe; callbacks run on these threads.
class SqliteLedger final : public Ledger,
                           public LedgerQueries,
                           public ChainQueries,
                           public LatencyStore,
                           public LedgerUpkeep {
 public:
  enum class Threading {
    kThreads,
    kManual,  // no threads: RunPending does the work, for simulators and tests
  };
  struct Options {
    std::string path;
    Threading threading = Threading::kThreads;
    size_t write_queue = limits::kWriterQueue;   // for Claim and RecordCall
    size_t lookup_queue = limits::kWriterQueue;  // for Lookup, and for ListSessionEvents
    size_t query_queue = 64;                     // for the rest of LedgerQueries
    absl::Duration query_time_limit = absl::Seconds(2);
    absl::Duration idle_before_truncate = absl::Seconds(1);
    // Runs after a failure that leaves it unknown what is on disk. Null: log and abort. Only tests
    // return from it.
    std::function<void(const absl::Status&)> on_fatal;
    // Opens what is sealed; what is new is sealed when `sealing` says so. Null: sealing is off, and
    // a ledger that holds sealed fields does not open.
    std::shared_ptr<KeyRing> key_ring;
    RowKeys::Options sealing;
    std::optional<CheckpointOptions> checkpoints;       // of the chain; absent: none are made
    RestoredLedger restored = RestoredLedger::kRefuse;  // what to do with a copy
    std::string vfs;               // a SQLite VFS registered by a test; empty: the system's
    AttributeIndex attributes;     // the calls' attributes that auditors may ask by
    std::string intent_key_check;  // KeyCheck() of the intent key; empty: any will do
  };

  // Opens or creates the file and brings its schema up to date. `clock` must outlive the ledger.
  // FAILED_PRECONDITION: another process has the ledger open; the file is newer than this program
  // or not a ledger; its schema is not its version's; SQLite would not run durably; or the file
  // does not hold what its last checkpoint signs. The message says which, and what to do.
  static absl::StatusOr<std::unique_ptr<SqliteLedger>> Open(Options options, const Clock& clock);
  // Commits and answers what is queued, and empties the WAL. No other method may be running.
  ~SqliteLedger() override;

  void Claim(ClaimRequest request, Ledger::Done<absl::StatusOr<ClaimResult>> done) override;
  void Apply(Transition transition, Ledger::Done<absl::StatusOr<Applied>> done) override;
  void RecordLate(LateOutcome outcome, Ledger::Done<absl::StatusOr<IntentRecord>> done) override;
  void Resolve(Resolution resolution, Ledger::Done<absl::StatusOr<IntentRecord>> done) override;
  void RecordCall(CallRecord call) override;
  void Lookup(LookupRequest request, Ledger::Done<absl::StatusOr<LookupResult>> done) override;
  absl::StatusOr<int64_t> MarkCrashed(absl::Time now) override;
  absl::StatusOr<std::vector<IntentRecord>> Unsettled(int64_t after_row, int limit) override;

  void Erase(Erasure erasure, LedgerUpkeep::Done<ErasureResult> done) override;
  void RecordUnsealing(Unsealing unsealing, LedgerUpkeep::Done<int64_t> done) override;
  void Age(AgeRules rules, absl::Time now, int limit, LedgerUpkeep::Done<AgeResult> done) override;
  void KeepAgeClock(AgeClock clock) override;
  // The clock as it was when the ledger was opened.
  const AgeClock& age_clock() const { return age_clock_; }

  // When it was last accepted that the ledger goes on from an older copy, if ever.
  const std::optional<Restoration>& restoration() const { return restoration_; }

  // To be called after the key ring got another current master key: wraps with it what others had
  // wrapped, so that they may be taken away. Blocks; not from a `done`. Returns how many keys that
  // were. FAILED_PRECONDITION: a master key is missing; nothing was changed.
  absl::StatusOr<int64_t> RewrapKeys();

  void SaveLatencies(std::vector<LatencyRecord> records, LatencyStore::Done done) override;
  absl::StatusOr<std::vector<LatencyRecord>> LoadLatencies() override;

  void ListIntents(IntentFilter filter, IntentPosition position, int limit,
                   LedgerQueries::Done<IntentPage> done) override;
  void GetIntent(std::string tenant, std::string id,
                 LedgerQueries::Done<std::vector<IntentDetail>> done) override;
  void ListEvents(EventFilter filter, EventPosition position, int limit,
                  LedgerQueries::Done<EventPage> done) override;
  void LastEvents(EventFilter filter, int limit, LedgerQueries::Done<EventPage> done) override;
  void LastSeq(LedgerQueries::Done<int64_t> done) override;
  void ListSessionEvents(std::string tenant, std::string session_id, int64_t after_seq, int limit,
                         LedgerQueries::Done<EventPage> done) override;
  void ListCalls(CallFilter filter, CallPosition position, int limit,
                 LedgerQueries::Done<std::vector<CallSummary>> done) override;
  void GetDuplicates(DuplicateQuestion question, LedgerQueries::Done<DuplicateStats> done) override;
  void GetReviewStats(std::string tenant, LedgerQueries::Done<ReviewStats> done) override;
  void SetCommitListener(std::function<void()> committed) override;

  void VerifyChain(int64_t from_seq, int64_t max_events, ChainQueries::Done done) override;

  // Refuses the questions that wait and those to come, of auditors and of conversations that catch
  // up, with UNAVAILABLE: nobody is to wait for them at a stop. What runs goes on to its end.
  void RefuseQuestions();

  // Tells when each generation without an outcome was claimed, of all tenants: 100,000 at most. It
  // waits for no auditor, and nor does GetReviewStats() of all tenants.
  void GetUnsettled(LedgerQueries::Done<std::vector<absl::Time>> done);

  // Work for kManual, on this thread; false when there was nothing to do. RunPending is both of the
  // next two.
  bool RunPending();
  bool RunWrites();  // one batch
  bool RunReads();   // the look-ups and questions that wait
  // kManual only: does what the writer does after `idle_before_truncate` without work.
  void RunIdle();
  void RunCheckpoints();  // kManual only: signs the end of the chain, if checkpoints are made

  struct Stats {
    GroupCommit::Stats writer;
    int64_t calls_dropped = 0;  // calls to RecordCall that were shed or failed
    int64_t checkpoints = 0;    // of the chain, signed and on disk
    int64_t syncs = 0;          // of the ledger's file, its WAL and the file of checkpoints
  };
  Stats stats() const;

 private:
  explicit SqliteLedger(Options options);
  absl::Status OpenAll(const Clock& clock);
  absl::StatusOr<std::unique_ptr<Database>> Connect(Database::Access access) const;
  absl::StatusOr<std::unique_ptr<RowKeys>> KeysFor(Database& database) const;
  absl::StatusOr<std::unique_ptr<AuditReads>> AuditReadsOf(Database& database,
                                                           const Clock& clock) const;
  absl::Status CheckKeys();
  absl::StatusOr<int64_t> WaitForWrite(std::function<absl::StatusOr<int64_t>()> write);
  // Reads where Lookup does, between the calls' look-ups.
  template <typename T>
  absl::StatusOr<T> WaitForRead(absl::AnyInvocable<absl::StatusOr<T>()> read);
  // Writes, and answers with what that made of the generation.
  void Change(std::function<absl::StatusOr<LedgerWrites::Changed>()> change, size_t bytes,
              Ledger::Done<absl::StatusOr<IntentRecord>> done);
  absl::Status ReadBack(const LedgerWrites::Changed& changed, absl::StatusOr<IntentRecord>& record);
  absl::Status OpenWriter();
  absl::Status CheckStill();
  absl::Status OpenCheckpoints(const Clock& clock);
  absl::Status OpenKeeper(const Clock& clock);
  void NoteHead();
  void NoteCheckpoints();
  void NoteDropped(const CallRecord& call);
  void RecordShed();
  void Committed();
  // Asks the auditors' connection.
  template <typename T>
  void Ask(LedgerQueries::Done<T> done,
           absl::AnyInvocable<absl::StatusOr<T>(AuditReads&)> question);
  bool IsManual() const { return options_.threading == Threading::kManual; }

  Options options_;
  // Members in the order of dependence: the lock goes last, the workers go first.
  std::unique_ptr<FileLock> lock_;
  std::optional<FileIdentity> file_;
  std::unique_ptr<Database> writer_, lookup_reader_, session_reader_, query_reader_;
  std::optional<SchemaWatch> schema_;  // of the writer's
  std::unique_ptr<LedgerWrites> writes_;
  std::unique_ptr<UpkeepWrites> upkeep_;
  std::unique_ptr<LedgerReads> reads_, written_;  // for look-ups; for what the writer wrote
  std::unique_ptr<AuditReads> session_, audit_;   // for conversations; for auditors
  std::unique_ptr<ChainReads> chain_;
  std::unique_ptr<LatencyWrites> latency_writes_;
  std::unique_ptr<LatencyReads> latency_reads_;
  std::unique_ptr<CheckpointKeeper> checkpoints_;  // null: none are made
  bool checkpoints_noted_ = false;  // the writer's thread's: the file says that there are some
  std::optional<Restoration> restoration_;
  AgeClock age_clock_;
  std::atomic<int64_t> calls_dropped_{0};
  absl::Mutex shed_mutex_;
  LedgerWrites::ShedCalls shed_ ABSL_GUARDED_BY(shed_mutex_);  // not on record yet
  bool shed_queued_ ABSL_GUARDED_BY(shed_mutex_) = false;      // somebody is about to record them
  absl::Mutex listener_mutex_;
  std::function<void()> committed_ ABSL_GUARDED_BY(listener_mutex_);
  std::unique_ptr<GroupCommit> commits_;
  ReadWorker lookups_, sessions_, queries_;
};

}  // namespace onetake
