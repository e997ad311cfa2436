#include "runtime/ledger/restoration.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/checkpoint_check.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/ledger/rows.h"
#include "runtime/store/transaction.h"
#include "runtime/store/wal_rewrite.h"

namespace onetake {
namespace {

// A start that failed is corrected and repeated sooner. The 24 h of confirmations go on anyway.
constexpr absl::Duration kSameRestore = absl::Minutes(10);

constexpr absl::string_view kInPlaceOfLost = "in_place_of_lost";

constexpr absl::string_view kGoOn =
    "To go on with it, start once with --accept-restored: for 24 h, every new write, one with a "
    "key too, is confirmed by the user first, unless it is NATURAL and has no guarded arguments";

absl::Status Mismatch(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the ledger ", what, ": it was restored from an older copy, or tampered with. Find out with ",
      "onetake ledger verify. What was written meanwhile is unknown to this ledger, so writes ",
      "could be made twice. ", kGoOn));
}

absl::Status InPlaceOfLost() {
  return absl::FailedPreconditionError(absl::StrCat(
      "the ledger is an empty one in the place of one that was lost, and the start that began it ",
      "did not come to its end. What was written before is unknown to it, so writes could be made ",
      "twice. Put the ledger or a backup of it back. ", kGoOn));
}

absl::Status SetMeta(Database& writer, absl::string_view name, int64_t value) {
  ONETAKE_ASSIGN_OR_RETURN(Statement set,
                           writer.Prepare("INSERT OR REPLACE INTO meta VALUES (?1, ?2)"));
  const std::string text = absl::StrCat(value);
  return Run(set).Text(1, name).Text(2, text).Finish();
}

absl::StatusOr<int64_t> HasMeta(Database& writer, absl::string_view name) {
  ONETAKE_ASSIGN_OR_RETURN(Statement get,
                           writer.Prepare("SELECT count(*) FROM meta WHERE name = ?1"));
  Run run(get);
  run.Text(1, name);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return run.Int(0);
}

// Whether the event that `last` signs was removed sooner than it can have been. The last event
// always stays, and is signed soon: it can have been removed only when nothing has been signed for
// long.
absl::StatusOr<bool> RemovedTooSoon(Database& writer, const Checkpoint& last, absl::Time now) {
  const absl::StatusOr<int64_t> removed =
      writer.QueryInt("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'pruned_seq'");
  if (absl::IsNotFound(removed.status())) return false;
  ONETAKE_RETURN_IF_ERROR(removed.status());
  absl::Time signed_at;
  std::string ignored;
  const bool is_old =
      absl::ParseTime(absl::RFC3339_full, last.at, &signed_at, &ignored) &&
      signed_at < now - AgeRules::kShortestSkeletons + CheckpointCheck::kYoungerThanSigned;
  return last.head.seq <= *removed && !is_old;
}

// `checkpointed` is 0 from the first start on, when the file is on disk, and 1 when there is a
// checkpoint. So even a copy from the very first minute is known to have lost its checkpoints.
absl::Status CheckNeverHadAny(CheckpointKeeper& keeper, Database& writer) {
  const absl::StatusOr<int64_t> had =
      writer.QueryInt("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'checkpointed'");
  if (absl::IsNotFound(had.status())) {
    ONETAKE_RETURN_IF_ERROR(keeper.MakeFile());
    FailPoint("ledger.checkpoint_file_made");
    return writer.RunScript("INSERT INTO meta VALUES ('checkpointed', '0')");
  }
  ONETAKE_RETURN_IF_ERROR(had.status());
  if (*had != 0) return Mismatch("had checkpoints, and they are not there");
  if (keeper.has_file()) return absl::OkStatus();
  return Mismatch("had a file of checkpoints, which is not there");
}

}  // namespace

absl::Status CheckNotRestored(CheckpointKeeper& keeper, EventLog& events, Database& writer,
                              absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t is_copy, HasMeta(writer, "copied_at"));
  if (is_copy != 0) return Mismatch("is a backup's copy");
  ONETAKE_ASSIGN_OR_RETURN(const int64_t is_begun, HasMeta(writer, kInPlaceOfLost));
  if (is_begun != 0) return InPlaceOfLost();
  const absl::StatusOr<std::optional<Checkpoint>> last = keeper.Last();
  if (!last.ok()) {
    return Mismatch(absl::StrCat("and its checkpoints do not fit (", last.status().message(), ")"));
  }
  if (!last->has_value()) return CheckNeverHadAny(keeper, writer);
  if (ONETAKE_PLANTED_BUG("older_copy_accepted")) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const bool extends, events.Extends((*last)->head));
  ONETAKE_ASSIGN_OR_RETURN(const bool removed, RemovedTooSoon(writer, **last, now));
  if (removed) {
    return Mismatch(absl::StrCat("says that event ", (*last)->head.seq, " was old and removed, and",
                                 " the checkpoint of ", (*last)->at, " signs it"));
  }
  if (extends) return RememberCheckpoints(writer);
  return Mismatch(absl::StrCat("does not hold event ", (*last)->head.seq,
                               ", which the checkpoint of ", (*last)->at, " signs"));
}

absl::Status CheckWalIsOwn(const std::string& path, const std::string& vfs) {
  const absl::StatusOr<std::optional<std::string>> copied_at =
      QueryBehindWal(path, vfs, "SELECT value FROM meta WHERE name = 'copied_at'");
  // The file is empty, or its tables are still in the WAL.
  if (!copied_at.ok() || !copied_at->has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path,
      " is a backup's copy, and the WAL beside it is not of it: it is of the ledger that was ",
      "there before, or of a start that did not come to its end. Together they are neither: move ",
      path, "-wal and ", path, "-shm away"));
}

absl::Status AcceptRestored(Database& writer, EventLog& events, const std::string& checkpoints,
                            absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                           Transaction::Begin(writer, Transaction::Kind::kWrite));
  ONETAKE_RETURN_IF_ERROR(SetMeta(writer, "restored_at", ToColumn(now)));
  // What recovery has written into the copy, or who accepted it before, says nothing about how far
  // the copy goes.
  ONETAKE_RETURN_IF_ERROR(writer.RunScript(
      "INSERT OR REPLACE INTO meta SELECT 'lost_since', coalesce(max(at), 0) FROM events"
      " WHERE actor != 'recovery' AND kind != 'restored';"
      "DELETE FROM meta WHERE name IN ('copied_at', 'in_place_of_lost', 'checkpointed');"
      "INSERT INTO meta VALUES ('epoch', '2')"
      " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"));
  ONETAKE_RETURN_IF_ERROR(events
                              .AppendNote({.tenant = "",
                                           .at = now,
                                           .kind = "restored",
                                           .rule = "restore.accepted",
                                           .evidence = ""})
                              .status());
  ONETAKE_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("ledger.restored");
  const std::string kept = absl::StrCat(checkpoints, ".before-", absl::ToUnixSeconds(now));
  if (std::rename(checkpoints.c_str(), kept.c_str()) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "checkpoints ", checkpoints, " cannot be moved to ", kept, ": ", std::strerror(errno)));
}

absl::Status RememberCheckpoints(Database& writer) {
  return writer.RunScript("INSERT OR REPLACE INTO meta VALUES ('checkpointed', '1')");
}

absl::StatusOr<std::optional<Restoration>> LastRestoration(Database& database) {
  const absl::StatusOr<int64_t> at =
      database.QueryInt("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'restored_at'");
  if (absl::IsNotFound(at.status())) return std::nullopt;
  ONETAKE_RETURN_IF_ERROR(at.status());
  ONETAKE_ASSIGN_OR_RETURN(
      const int64_t since,
      database.QueryInt("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'lost_since'"));
  return Restoration{absl::FromUnixMicros(*at), absl::FromUnixMicros(since)};
}

absl::StatusOr<bool> IsAcceptedAlready(Database& database, absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Restoration> last, LastRestoration(database));
  return last.has_value() && absl::AbsDuration(now - last->at) < kSameRestore;
}

// A copy of a copy keeps the first mark: it holds no more than that one.
absl::Status MarkAsCopy(Database& writer, absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t is_copy, HasMeta(writer, "copied_at"));
  return is_copy != 0 ? absl::OkStatus() : SetMeta(writer, "copied_at", ToColumn(now));
}

absl::Status MarkAsInPlaceOfLost(Database& writer, absl::Time now) {
  return SetMeta(writer, kInPlaceOfLost, ToColumn(now));
}

}  // namespace onetake
