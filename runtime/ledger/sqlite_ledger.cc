#include "runtime/ledger/sqlite_ledger.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/check.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/ledger/key_check.h"
#include "runtime/ledger/lost_ledger.h"
#include "runtime/ledger/restoration.h"
#include "runtime/ledger/schema.h"
#include "runtime/ledger/transition_rules.h"
#include "runtime/store/migration.h"
#include "runtime/store/wal_rewrite.h"

namespace onetake {
namespace {

// How long the record of a call waits for others. It is longer than a commit takes, so that the
// records of a busy server share one, and far shorter than anybody needs to ask for it.
constexpr absl::Duration kLinger = absl::Milliseconds(5);

constexpr size_t kRowOverhead = 512;  // what the small columns of a change take, about

// The default of on_fatal: a wrong answer is worse than none, and the next start reads what is on
// disk.
void LogAndAbort(const absl::Status& status) {
  Log(LogLevel::kError, "ledger.failed",
      {{LogField::kError, std::string(status.message())},
       {LogField::kAdvice, "check the disk, then start again: recovery reads the truth"}});
  std::abort();
}

absl::Status CheckSize(const IntentRecord& intent) {
  const size_t bytes =
      intent.identity_json.size() + intent.arguments_json.size() + intent.request.size();
  if (bytes <= kMaxBodyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("identity, arguments and request have ", bytes,
                                                 " bytes, at most ", kMaxBodyBytes, " fit"));
}

// Submits a change that answers with its result.
template <typename Result>
void SubmitFor(GroupCommit& commits, GroupCommit::Bound bound, size_t bytes,
               absl::AnyInvocable<absl::StatusOr<Result>()> write,
               absl::AnyInvocable<void(absl::StatusOr<Result>)> done) {
  auto result = std::make_shared<Result>();
  commits.Submit({[result, write = std::move(write)]() mutable -> absl::Status {
                    ONETAKE_ASSIGN_OR_RETURN(*result, write());
                    return absl::OkStatus();
                  },
                  [result, done = std::move(done)](absl::Status status) mutable {
                    if (!status.ok()) return done(std::move(status));
                    done(std::move(*result));
                  },
                  bytes},
                 bound);
}

}  // namespace

SqliteLedger::SqliteLedger(Options options)
    : options_(std::move(options)),
      lookups_(options_.lookup_queue, ReadWorker::For::kCalls),
      sessions_(options_.lookup_queue, ReadWorker::For::kSessions),
      queries_(options_.query_queue, ReadWorker::For::kAuditors) {
  if (!options_.on_fatal) options_.on_fatal = LogAndAbort;
}

absl::StatusOr<std::unique_ptr<SqliteLedger>> SqliteLedger::Open(Options options,
                                                                 const Clock& clock) {
  std::unique_ptr<SqliteLedger> ledger(new SqliteLedger(std::move(options)));
  ONETAKE_RETURN_IF_ERROR(ledger->OpenAll(clock));
  if (!ledger->IsManual()) {
    ledger->commits_->Start();
    if (ledger->checkpoints_ != nullptr) ledger->checkpoints_->Start();
    ledger->lookups_.Start();
    ledger->sessions_.Start();
    ledger->queries_.Start();
  }
  return ledger;
}

absl::Status SqliteLedger::OpenAll(const Clock& clock) {
  ONETAKE_ASSIGN_OR_RETURN(options_.path, ResolveDatabasePath(options_.path));
  ONETAKE_ASSIGN_OR_RETURN(lock_, FileLock::Acquire(options_.path + ".lock"));
  ONETAKE_RETURN_IF_ERROR(CheckHasOneName(options_.path));
  if (options_.restored == RestoredLedger::kLost) {
    ONETAKE_RETURN_IF_ERROR(BeginInPlaceOfLost(options_.path, clock.Now()));
  }
  // Without checkpoints nobody asks whether the file is a copy.
  if (options_.checkpoints.has_value()) {
    ONETAKE_RETURN_IF_ERROR(CheckWalIsOwn(options_.path, options_.vfs));
  }
  ONETAKE_RETURN_IF_ERROR(RewriteWal(options_.path, options_.vfs));
  ONETAKE_RETURN_IF_ERROR(OpenWriter());
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<RowKeys> keys, KeysFor(*writer_));
  ONETAKE_ASSIGN_OR_RETURN(writes_,
                           LedgerWrites::Prepare(*writer_, std::move(keys), options_.attributes));
  ONETAKE_ASSIGN_OR_RETURN(upkeep_,
                           UpkeepWrites::Prepare(*writer_, writes_->events(), options_.attributes));
  ONETAKE_ASSIGN_OR_RETURN(keys, KeysFor(*writer_));
  ONETAKE_ASSIGN_OR_RETURN(written_, LedgerReads::Prepare(*writer_, std::move(keys)));
  ONETAKE_ASSIGN_OR_RETURN(lookup_reader_, Connect(Database::Access::kReader));
  ONETAKE_ASSIGN_OR_RETURN(keys, KeysFor(*lookup_reader_));
  ONETAKE_ASSIGN_OR_RETURN(reads_, LedgerReads::Prepare(*lookup_reader_, std::move(keys)));
  ONETAKE_ASSIGN_OR_RETURN(session_reader_, Connect(Database::Access::kReader));
  ONETAKE_ASSIGN_OR_RETURN(session_, AuditReadsOf(*session_reader_, clock));
  ONETAKE_ASSIGN_OR_RETURN(query_reader_, Connect(Database::Access::kReader));
  ONETAKE_ASSIGN_OR_RETURN(audit_, AuditReadsOf(*query_reader_, clock));
  chain_ = std::make_unique<ChainReads>(*query_reader_, clock, options_.query_time_limit);
  ONETAKE_ASSIGN_OR_RETURN(latency_writes_, LatencyWrites::Prepare(*writer_));
  ONETAKE_ASSIGN_OR_RETURN(latency_reads_, LatencyReads::Prepare(*lookup_reader_));
  ONETAKE_ASSIGN_OR_RETURN(age_clock_, LoadAgeClock(*writer_, clock.Now()));
  ONETAKE_RETURN_IF_ERROR(OpenCheckpoints(clock));
  // A test's VFS has a disk of its own.
  if (options_.vfs.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(file_, FileIdentity::Of(options_.path));
  }
  commits_ = std::make_unique<GroupCommit>(
      *writer_,
      GroupCommit::Options{options_.write_queue, options_.idle_before_truncate, options_.on_fatal,
                           [this] {
                             NoteHead();
                             NoteCheckpoints();
                             Committed();
                           },
                           [this] { return CheckStill(); }, &clock, kLinger});
  return absl::OkStatus();
}

// Runs in each transaction, before its commit.
absl::Status SqliteLedger::CheckStill() {
  if (file_.has_value()) {
    ONETAKE_RETURN_IF_ERROR(file_->CheckStill());
    ONETAKE_RETURN_IF_ERROR(lock_->CheckStill());
  }
  return schema_->CheckStill();
}

absl::Status SqliteLedger::OpenWriter() {
  ONETAKE_ASSIGN_OR_RETURN(writer_, Connect(Database::Access::kWriter));
  ONETAKE_RETURN_IF_ERROR(
      Annotate(Migrate(*writer_, kLedgerApplicationId, LedgerMigrations()), options_.path));
  absl::StatusOr<SchemaWatch> schema = SchemaWatch::Begin(*writer_);
  ONETAKE_RETURN_IF_ERROR(Annotate(schema.status(), options_.path));
  schema_ = *std::move(schema);
  ONETAKE_RETURN_IF_ERROR(CheckIntentKey(*writer_, options_.intent_key_check));
  ONETAKE_RETURN_IF_ERROR(writer_->RunScript(
      "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'opened'"));
  FailPoint("ledger.opened");
  return CheckKeys();
}

absl::Status SqliteLedger::OpenCheckpoints(const Clock& clock) {
  if (options_.checkpoints.has_value()) ONETAKE_RETURN_IF_ERROR(OpenKeeper(clock));
  ONETAKE_ASSIGN_OR_RETURN(restoration_, LastRestoration(*writer_));
  NoteHead();
  return absl::OkStatus();
}

absl::Status SqliteLedger::OpenKeeper(const Clock& clock) {
  ONETAKE_ASSIGN_OR_RETURN(const std::string instance,
                           writer_->QueryText("SELECT value FROM meta WHERE name = 'instance_id'"));
  ONETAKE_ASSIGN_OR_RETURN(checkpoints_,
                           CheckpointKeeper::Open(*options_.checkpoints, instance, clock));
  const absl::Status fits =
      CheckNotRestored(*checkpoints_, writes_->events(), *writer_, clock.Now());
  if (options_.restored == RestoredLedger::kRefuse) return fits;
  if (fits.ok()) {
    ONETAKE_ASSIGN_OR_RETURN(const bool accepted, IsAcceptedAlready(*writer_, clock.Now()));
    if (accepted) return fits;
  }
  checkpoints_.reset();
  ONETAKE_RETURN_IF_ERROR(writes_->SettleNothingOfACopy(clock.Now()));
  ONETAKE_RETURN_IF_ERROR(
      AcceptRestored(*writer_, writes_->events(), options_.checkpoints->path, clock.Now()));
  // The WAL is emptied so that the file itself says that it is no copy any more, before anything is
  // told of it.
  ONETAKE_ASSIGN_OR_RETURN(const Database::CheckpointResult left,
                           writer_->Checkpoint(Database::CheckpointMode::kTruncate));
  if (left.frames != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.path, " is in use by another process"));
  }
  ONETAKE_ASSIGN_OR_RETURN(checkpoints_,
                           CheckpointKeeper::Open(*options_.checkpoints, instance, clock));
  return CheckNotRestored(*checkpoints_, writes_->events(), *writer_, clock.Now());
}

void SqliteLedger::NoteHead() {
  if (checkpoints_ == nullptr) return;
  const absl::StatusOr<ChainHead> head = writes_->events().Head();
  if (head.ok()) checkpoints_->Note(*head);
}

// Runs on the writer's thread, after a commit. A start would remember it too, but a copy that is
// made before the second start is a copy like any other.
void SqliteLedger::NoteCheckpoints() {
  if (checkpoints_noted_ || checkpoints_ == nullptr || checkpoints_->written() == 0) return;
  checkpoints_noted_ = true;
  commits_->Submit(
      {[this] { return RememberCheckpoints(*writer_); },
       [this](const absl::Status& status) { checkpoints_noted_ = status.ok(); }, kRowOverhead},
      GroupCommit::Bound::kAlways, GroupCommit::Urgency::kSoon);
}

absl::StatusOr<std::unique_ptr<Database>> SqliteLedger::Connect(Database::Access access) const {
  return Database::Open({options_.path, access, options_.vfs});
}

absl::StatusOr<std::unique_ptr<RowKeys>> SqliteLedger::KeysFor(Database& database) const {
  return RowKeys::Prepare(database, options_.key_ring, options_.sealing);
}

absl::StatusOr<std::unique_ptr<AuditReads>> SqliteLedger::AuditReadsOf(Database& database,
                                                                       const Clock& clock) const {
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<RowKeys> keys, KeysFor(database));
  return AuditReads::Prepare(database, std::move(keys), clock, options_.attributes,
                             options_.query_time_limit);
}

// Checks all keys at the start: sealed fields that nobody can open would come to light one by one,
// in the middle of calls.
absl::Status SqliteLedger::CheckKeys() {
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<RowKeys> keys, KeysFor(*writer_));
  return keys->CheckAll();
}

SqliteLedger::~SqliteLedger() {
  // The readers stop first: one that holds a snapshot would keep the WAL from being emptied.
  lookups_.Stop();
  sessions_.Stop();
  queries_.Stop();
  if (commits_ != nullptr) commits_->Stop();
  if (checkpoints_ != nullptr) checkpoints_->Stop();
  FailPoint("ledger.before_close");
}

void SqliteLedger::Claim(ClaimRequest request, Ledger::Done<absl::StatusOr<ClaimResult>> done) {
  if (absl::Status size = CheckSize(request.intent); !size.ok()) return done(size);
  const IntentRecord& intent = request.intent;
  const size_t bytes = kRowOverhead + intent.identity_json.size() + intent.arguments_json.size() +
                       intent.request.size();
  SubmitFor<ClaimResult>(
      *commits_, GroupCommit::Bound::kShed, bytes,
      [this, request = std::move(request)] { return writes_->Claim(request); }, std::move(done));
}

void SqliteLedger::Apply(Transition transition, Ledger::Done<absl::StatusOr<Applied>> done) {
  const size_t bytes =
      kRowOverhead + transition.evidence_json.size() + transition.result_json.value_or("").size();
  SubmitFor<Applied>(
      *commits_, GroupCommit::Bound::kAlways, bytes,
      [this, transition = std::move(transition)] { return writes_->Apply(transition); },
      std::move(done));
}

void SqliteLedger::RecordLate(LateOutcome outcome,
                              Ledger::Done<absl::StatusOr<IntentRecord>> done) {
  const size_t bytes = kRowOverhead + outcome.evidence_json.size();
  Change([this, outcome = std::move(outcome)] { return writes_->RecordLate(outcome); }, bytes,
         std::move(done));
}

void SqliteLedger::Resolve(Resolution resolution, Ledger::Done<absl::StatusOr<IntentRecord>> done) {
  const size_t bytes =
      kRowOverhead + resolution.evidence_json.size() + resolution.result_json.value_or("").size();
  Change([this, resolution = std::move(resolution)] { return writes_->Resolve(resolution); }, bytes,
         std::move(done));
}

void SqliteLedger::Change(std::function<absl::StatusOr<LedgerWrites::Changed>()> change,
                          size_t bytes, Ledger::Done<absl::StatusOr<IntentRecord>> done) {
  auto record = std::make_shared<absl::StatusOr<IntentRecord>>();
  commits_->Submit({[this, record, change = std::move(change)]() -> absl::Status {
                      ONETAKE_ASSIGN_OR_RETURN(const LedgerWrites::Changed changed, change());
                      return ReadBack(changed, *record);
                    },
                    [record, done = std::move(done)](absl::Status status) mutable {
                      if (!status.ok()) return done(std::move(status));
                      done(std::move(*record));
                    },
                    bytes},
                   GroupCommit::Bound::kAlways);
}

// Reads before the commit: a reader that is asked after it may be busy or stopped, and its refusal
// would be told of a verdict that is on disk. Damage alone keeps no verdict from being recorded: it
// is told as DATA_LOSS, which is no refusal.
absl::Status SqliteLedger::ReadBack(const LedgerWrites::Changed& changed,
                                    absl::StatusOr<IntentRecord>& record) {
  record = written_->ByRow(changed.row);
  if (record.ok()) record->last_seq = changed.seq;
  return absl::IsDataLoss(record.status()) ? absl::OkStatus() : record.status();
}

void SqliteLedger::RecordCall(CallRecord call) {
  auto record = std::make_shared<const CallRecord>(std::move(call));
  commits_->Submit({[this, record] { return writes_->RecordCall(*record); },
                    [this, record](const absl::Status& status) {
                      if (status.ok()) return;
                      NoteDropped(*record);
                      if (absl::IsResourceExhausted(status)) return;  // no log flood under load
                      Log(LogLevel::kWarning, "ledger.call_dropped",
                          {{LogField::kError, std::string(status.message())}});
                    },
                    kRowOverhead},
                   GroupCommit::Bound::kShed, GroupCommit::Urgency::kSoon);
}

// Calls that could not be recorded are counted, and the count is recorded: a gap that can be seen.
void SqliteLedger::NoteDropped(const CallRecord& call) {
  ++calls_dropped_;
  {
    absl::MutexLock lock(&shed_mutex_);
    ++shed_.count;
    shed_.tenant = call.tenant;
    shed_.last_at = call.answered_at.value_or(call.received_at);
    if (std::exchange(shed_queued_, true)) return;
  }
  RecordShed();
}

// Queues one job at a time, whatever the queue holds. When the disk is full, the next call that is
// dropped tries again.
void SqliteLedger::RecordShed() {
  auto shed = std::make_shared<LedgerWrites::ShedCalls>();
  commits_->Submit({[this, shed]() -> absl::Status {
                      {
                        absl::MutexLock lock(&shed_mutex_);
                        *shed = shed_;
                      }
                      return writes_->RecordShed(*shed);
                    },
                    [this, shed](const absl::Status& status) {
                      {
                        absl::MutexLock lock(&shed_mutex_);
                        if (status.ok()) shed_.count -= shed->count;
                        shed_queued_ = status.ok() && shed_.count > 0;  // dropped meanwhile
                        if (!shed_queued_) return;
                      }
                      RecordShed();
                    },
                    kRowOverhead},
                   GroupCommit::Bound::kAlways);
}

// The waiter outlives the job: it does not return before the answer.
absl::StatusOr<int64_t> SqliteLedger::WaitForWrite(std::function<absl::StatusOr<int64_t>()> write) {
  absl::StatusOr<int64_t> result;
  absl::Notification answered;
  SubmitFor<int64_t>(*commits_, GroupCommit::Bound::kAlways, kRowOverhead, std::move(write),
                     [&](absl::StatusOr<int64_t> written) {
                       result = std::move(written);
                       answered.Notify();
                     });
  while (IsManual() && !answered.HasBeenNotified()) commits_->RunOnce();
  answered.WaitForNotification();
  return result;
}

absl::StatusOr<int64_t> SqliteLedger::MarkCrashed(absl::Time now) {
  return WaitForWrite([this, now] { return writes_->MarkCrashed(now); });
}

absl::StatusOr<int64_t> SqliteLedger::RewrapKeys() {
  return WaitForWrite([this] { return writes_->RewrapKeys(); });
}

void SqliteLedger::Erase(Erasure erasure, LedgerUpkeep::Done<ErasureResult> done) {
  SubmitFor<ErasureResult>(
      *commits_, GroupCommit::Bound::kShed, kRowOverhead,
      [this, erasure = std::move(erasure)] { return upkeep_->Erase(erasure); }, std::move(done));
}

void SqliteLedger::RecordUnsealing(Unsealing unsealing, LedgerUpkeep::Done<int64_t> done) {
  SubmitFor<int64_t>(
      *commits_, GroupCommit::Bound::kShed, kRowOverhead,
      [this, unsealing = std::move(unsealing)] { return upkeep_->RecordUnsealing(unsealing); },
      std::move(done));
}

void SqliteLedger::Age(AgeRules rules, absl::Time now, int limit,
                       LedgerUpkeep::Done<AgeResult> done) {
  SubmitFor<AgeResult>(
      *commits_, GroupCommit::Bound::kShed, static_cast<size_t>(limit) * kRowOverhead,
      [this, now, limit, rules = std::move(rules)] { return upkeep_->Age(rules, now, limit); },
      std::move(done));
}

void SqliteLedger::KeepAgeClock(AgeClock clock) {
  commits_->Submit({[this, clock] { return SaveAgeClock(*writer_, clock); },
                    [](const absl::Status&) {}, kRowOverhead},
                   GroupCommit::Bound::kShed, GroupCommit::Urgency::kSoon);
}

void SqliteLedger::Lookup(LookupRequest request, Ledger::Done<absl::StatusOr<LookupResult>> done) {
  lookups_.Submit(
      [this, request = std::move(request), done = std::move(done)](absl::Status admitted) mutable {
        if (!admitted.ok()) return done(std::move(admitted));
        done(reads_->Lookup(request));
      });
}

template <typename T>
absl::StatusOr<T> SqliteLedger::WaitForRead(absl::AnyInvocable<absl::StatusOr<T>()> read) {
  absl::StatusOr<T> result;
  absl::Notification answered;
  lookups_.Submit([&](absl::Status admitted) {
    if (admitted.ok()) {
      result = read();
    } else {
      result = std::move(admitted);
    }
    answered.Notify();
  });
  while (IsManual() && !answered.HasBeenNotified()) lookups_.RunOnce();
  answered.WaitForNotification();
  return result;
}

absl::StatusOr<std::vector<IntentRecord>> SqliteLedger::Unsettled(int64_t after_row, int limit) {
  return WaitForRead<std::vector<IntentRecord>>(
      [this, after_row, limit] { return reads_->Unsettled(after_row, limit); });
}

void SqliteLedger::SaveLatencies(std::vector<LatencyRecord> records, LatencyStore::Done done) {
  size_t bytes = 0;
  for (const LatencyRecord& record : records) bytes += kRowOverhead + record.histogram.size();
  commits_->Submit({[this, records = std::move(records)] { return latency_writes_->Save(records); },
                    std::move(done), bytes},
                   GroupCommit::Bound::kShed);
}

absl::StatusOr<std::vector<LatencyRecord>> SqliteLedger::LoadLatencies() {
  return WaitForRead<std::vector<LatencyRecord>>([this] { return latency_reads_->Load(); });
}

void SqliteLedger::VerifyChain(int64_t from_seq, int64_t max_events, ChainQueries::Done done) {
  queries_.Submit(
      [this, from_seq, max_events, done = std::move(done)](absl::Status admitted) mutable {
        if (!admitted.ok()) return done(std::move(admitted));
        done(chain_->Verify(from_seq, max_events));
      });
}

bool SqliteLedger::RunPending() {
  const bool wrote = RunWrites();
  return RunReads() || wrote;
}

bool SqliteLedger::RunWrites() {
  ONETAKE_CHECK(IsManual());
  return commits_->RunOnce();
}

bool SqliteLedger::RunReads() {
  ONETAKE_CHECK(IsManual());
  bool worked = false;
  while (lookups_.RunOnce()) worked = true;
  while (sessions_.RunOnce()) worked = true;
  while (queries_.RunOnce()) worked = true;
  return worked;
}

void SqliteLedger::RunIdle() {
  ONETAKE_CHECK(IsManual());
  commits_->RunIdle();
}

void SqliteLedger::RunCheckpoints() {
  ONETAKE_CHECK(IsManual());
  if (checkpoints_ != nullptr) checkpoints_->SignNew();
}

SqliteLedger::Stats SqliteLedger::stats() const {
  Stats stats{commits_->stats(), calls_dropped_,
              checkpoints_ == nullptr ? 0 : checkpoints_->written(), 0};
  stats.syncs = stats.writer.syncs + stats.checkpoints;  // each of those is a sync of its own
  return stats;
}

}  // namespace onetake
