#include "runtime/ledger/verify_ledger.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/chain_verifier.h"
#include "runtime/ledger/checkpoint_check.h"
#include "runtime/ledger/index_check.h"
#include "runtime/ledger/rows.h"
#include "runtime/ledger/schema.h"
#include "runtime/ledger/schema_check.h"
#include "runtime/ledger/verify_pool.h"
#include "runtime/store/database.h"

namespace onetake {
namespace {

// The oldest version whose tables can be verified: a copy that was put away before an upgrade is
// still evidence.
constexpr int64_t kOldestVersion = 2;

absl::Status CheckIsLedger(Database& database) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t owner, database.QueryInt("PRAGMA application_id"));
  if (owner != kLedgerApplicationId) {
    return absl::InvalidArgumentError("the file is not a ledger of onetake");
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t version, database.QueryInt("PRAGMA user_version"));
  const int known = LedgerMigrations().back().version;
  if (version >= kOldestVersion && version <= known) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the file has schema version ", version,
                                                    ", this program verifies versions ",
                                                    kOldestVersion, " to ", known));
}

// The walk along one file.
class Walk {
 public:
  explicit Walk(const VerifyOptions& options) : options_(options) {}

  absl::Status Open() {
    ONETAKE_ASSIGN_OR_RETURN(path_, ResolveDatabasePath(options_.path));
    ONETAKE_ASSIGN_OR_RETURN(database_, Database::Open({path_, Database::Access::kReader, ""}));
    ONETAKE_RETURN_IF_ERROR(Annotate(CheckIsLedger(*database_), path_));
    ONETAKE_ASSIGN_OR_RETURN(verifier_,
                             ChainVerifier::Prepare(*database_, {.from_seq = options_.from_seq}));
    ONETAKE_ASSIGN_OR_RETURN(
        had_checkpoints_,
        database_->QueryInt(
            "SELECT count(*) FROM meta WHERE name = 'checkpointed' AND value = '1'"));
    ONETAKE_RETURN_IF_ERROR(ReadMark());
    if (options_.checkpoints.empty()) return absl::OkStatus();
    ONETAKE_ASSIGN_OR_RETURN(
        std::string instance,
        database_->QueryText("SELECT value FROM meta WHERE name = 'instance_id'"));
    ONETAKE_ASSIGN_OR_RETURN(
        checkpoints_,
        CheckpointCheck::Open(options_.checkpoints, options_.public_key, std::move(instance)));
    return absl::OkStatus();
  }

  absl::Status Run() {
    ONETAKE_RETURN_IF_ERROR(MeetCheckpoints());
    bool first = true;
    for (bool more = true; more && !finding_.has_value(); first = false) {
      ONETAKE_ASSIGN_OR_RETURN(more, first ? verifier_->Next(options_.page_events) : Step());
      ONETAKE_RETURN_IF_ERROR(MeetCheckpoints());
    }
    if (finding_.has_value()) return absl::OkStatus();
    finding_ = verifier_->finding();
    if (!finding_.has_value() && HasCheckpoint()) ONETAKE_RETURN_IF_ERROR(ReachCheckpoint());
    if (!finding_.has_value() && had_checkpoints_ != 0 && checkpoints_ != nullptr &&
        checkpoints_->has_none()) {
      finding_ = {verifier_->head().seq, "checkpoints missing",
                  "their file holds none, and this ledger has had some"};
    }
    if (!finding_.has_value()) ONETAKE_RETURN_IF_ERROR(CheckSchema());
    if (bad_checkpoint_.has_value() &&
        (!finding_.has_value() || bad_checkpoint_->seq <= finding_->seq)) {
      finding_ = bad_checkpoint_;
    }
    return absl::OkStatus();
  }

  VerifyReport Report() const {
    VerifyReport report{verifier_->events(), verifier_->head(), verifier_->base(), finding_};
    report.had_checkpoints = had_checkpoints_ != 0;
    report.copied_at = copied_at_;
    report.later_checkpoints = later_checkpoints_;
    if (checkpoints_ == nullptr) return report;
    report.checkpoints = checkpoints_->right();
    report.checkpointed_seq = checkpoints_->last_seq();
    report.key_id = checkpoints_->key_id();
    return report;
  }

 private:
  // Whether everybody who looks for a row by an index sees what the walk has seen. An index is of
  // no event: whoever asks for a part of the chain asks for none of it.
  absl::Status CheckSchema() {
    ONETAKE_ASSIGN_OR_RETURN(std::optional<std::string> change, FindSchemaChange(*database_));
    if (change.has_value()) {
      finding_ = {verifier_->head().seq, "schema edited", *std::move(change)};
      return absl::OkStatus();
    }
    if (options_.from_seq > 1 || !options_.indexes) return absl::OkStatus();
    ONETAKE_ASSIGN_OR_RETURN(change, FindIndexChange(*database_));
    if (change.has_value()) {
      finding_ = {verifier_->head().seq, "index edited", *std::move(change)};
    }
    return absl::OkStatus();
  }

  bool HasCheckpoint() const {
    return checkpoints_ != nullptr && !met_all_ && checkpoints_->next().has_value();
  }

  // The first page is the walk's own, because it also looks at what is before the first row. In a
  // ledger in use, the beginning may move on, and then the pool begins anew.
  absl::StatusOr<bool> Step() {
    const int64_t next_seq = verifier_->head().seq + 1;
    if (pool_ == nullptr || pool_seq_ != next_seq) {
      pool_ = std::make_unique<VerifyPool>(path_, next_seq, options_.page_events, options_.threads);
      pool_seq_ = next_seq;
    }
    pool_seq_ += options_.page_events;
    std::optional<ChainVerifier::Part> part = pool_->Next();
    if (part.has_value() && verifier_->Take(*std::move(part))) return true;
    return verifier_->Next(options_.page_events);
  }

  // Compares the chain with the checkpoints that it has come to. Those of a part that is believed
  // are only checked by themselves.
  absl::Status MeetCheckpoints() {
    const ChainHead& head = verifier_->head();
    while (checkpoints_ != nullptr && !met_all_) {
      if (HasCheckpoint()) {
        if (checkpoints_->next()->head.seq > head.seq) break;
        const int64_t seq = checkpoints_->next()->head.seq;
        const std::optional<Digest> hash = verifier_->HashAt(seq);
        if (hash.has_value()) finding_ = checkpoints_->Compare({seq, *hash});
        if (!finding_.has_value() && seq <= verifier_->base().head.seq) {
          ONETAKE_ASSIGN_OR_RETURN(const absl::Time removed_at, RemovedAt());
          finding_ = checkpoints_->RemovedTooSoon(removed_at, options_.kept_for);
        }
        if (finding_.has_value()) break;
      }
      ONETAKE_ASSIGN_OR_RETURN(bad_checkpoint_, checkpoints_->Advance());
      met_all_ = bad_checkpoint_.has_value() || !checkpoints_->next().has_value();
    }
    return absl::OkStatus();
  }

  // The chain has ended before the next checkpoint. In a ledger in use, the checkpoint may be
  // younger than the last page. What it signs was on disk before it was written: a look that begins
  // after the checkpoint was read finds that, or nobody will.
  absl::Status ReachCheckpoint() {
    const int64_t signed_seq = checkpoints_->next()->head.seq;
    for (bool more = true; more && verifier_->head().seq < signed_seq;) {
      ONETAKE_ASSIGN_OR_RETURN(more, verifier_->Next(options_.page_events));
    }
    finding_ = verifier_->finding();
    if (finding_.has_value()) return absl::OkStatus();
    if (verifier_->head().seq >= signed_seq) return MeetCheckpoints();
    return PassLaterCheckpoints();
  }

  absl::Status ReadMark() {
    ONETAKE_ASSIGN_OR_RETURN(
        const int64_t copied_at,
        database_->QueryInt("SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta"
                            " WHERE name = 'copied_at'), 0)"));
    if (copied_at != 0) copied_at_ = absl::FromUnixMicros(copied_at);
    if (!options_.is_copy || copied_at_.has_value()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(path_, " is not marked as a backup's copy: verify it as a ledger"));
  }

  // Nothing that was signed before a copy was made is missing in it.
  absl::Status PassLaterCheckpoints() {
    while (checkpoints_->next().has_value()) {
      const bool is_later = copied_at_.has_value() && checkpoints_->IsAfter(*copied_at_);
      if (!is_later || !options_.is_copy) {
        finding_ = checkpoints_->CutOff(verifier_->head());
        if (is_later) {
          absl::StrAppend(&finding_->what,
                          "; that is later than the file's mark that a backup made it: when it is"
                          " a copy and nobody's ledger, verify it with --copy");
        }
        return absl::OkStatus();
      }
      ++later_checkpoints_;
      ONETAKE_ASSIGN_OR_RETURN(bad_checkpoint_, checkpoints_->Advance());
    }
    met_all_ = true;
    return absl::OkStatus();
  }

  // When the events that are gone were removed. The event that says so is on a page that has been
  // read, so it is there.
  absl::StatusOr<absl::Time> RemovedAt() {
    ONETAKE_ASSIGN_OR_RETURN(Statement select,
                             database_->Prepare("SELECT at FROM events WHERE seq = ?1"));
    onetake::Run run(select);
    ONETAKE_RETURN_IF_ERROR(run.Int(1, verifier_->base().event).Step().status());
    return std::min(absl::FromUnixMicros(run.Int(0)), options_.now);
  }

  const VerifyOptions& options_;
  std::string path_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<ChainVerifier> verifier_;
  std::unique_ptr<VerifyPool> pool_;              // null before the second page
  int64_t pool_seq_ = 0;                          // where its next part begins
  std::unique_ptr<CheckpointCheck> checkpoints_;  // null: none are checked
  int64_t had_checkpoints_ = 0;
  std::optional<absl::Time> copied_at_;
  int64_t later_checkpoints_ = 0;
  bool met_all_ = false;
  std::optional<Finding> bad_checkpoint_;  // told when the chain is intact so far
  std::optional<Finding> finding_;
};

}  // namespace

absl::StatusOr<VerifyReport> VerifyLedger(const VerifyOptions& options) {
  Walk walk(options);
  ONETAKE_RETURN_IF_ERROR(walk.Open());
  ONETAKE_RETURN_IF_ERROR(walk.Run());
  return walk.Report();
}

}  // namespace onetake
