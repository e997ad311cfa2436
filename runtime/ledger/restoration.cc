#include "runtime/ledger/restoration.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

constexpr absl::string_view kAdvice =
    "Find out with onetake ledger verify. What was written meanwhile is unknown to this ledger, so "
    "writes could be made twice. To go on with it, start once with --accept-restored: for 24 h, "
    "writes that nothing at the downstream protects are then confirmed by the user first";

absl::Status Mismatch(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the ledger ", what, ": it was restored from an older copy, or tampered with. ", kAdvice));
}

}  // namespace

absl::Status CheckNotRestored(const CheckpointKeeper& keeper, EventLog& events) {
  const absl::StatusOr<std::optional<Checkpoint>> last = keeper.Last();
  if (!last.ok()) {
    return Mismatch(absl::StrCat("and its checkpoints do not fit (", last.status().message(), ")"));
  }
  if (!last->has_value()) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const bool extends, events.Extends((*last)->head));
  if (extends) return absl::OkStatus();
  return Mismatch(absl::StrCat("does not hold event ", (*last)->head.seq,
                               ", which the checkpoint of ", (*last)->at, " signs"));
}

absl::Status AcceptRestored(Database& writer, EventLog& events, const std::string& checkpoints,
                            absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                           Transaction::Begin(writer, Transaction::Kind::kWrite));
  ONETAKE_ASSIGN_OR_RETURN(
      Statement mark, writer.Prepare("INSERT INTO meta VALUES ('restored_at', ?1)"
                                     " ON CONFLICT (name) DO UPDATE SET value = excluded.value"));
  ONETAKE_RETURN_IF_ERROR(Run(mark).Text(1, absl::StrCat(ToColumn(now))).Finish());
  ONETAKE_RETURN_IF_ERROR(
      writer.RunScript("INSERT INTO meta VALUES ('epoch', '2')"
                       " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"));
  const std::string kept = absl::StrCat(checkpoints, ".before-", absl::ToUnixSeconds(now));
  ONETAKE_RETURN_IF_ERROR(events
                              .AppendNote({.tenant = "",
                                           .at = now,
                                           .kind = "restored",
                                           .rule = "restore.accepted",
                                           .evidence = ""})
                              .status());
  ONETAKE_RETURN_IF_ERROR(transaction.Commit());
  if (std::rename(checkpoints.c_str(), kept.c_str()) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "checkpoints ", checkpoints, " cannot be moved to ", kept, ": ", std::strerror(errno)));
}

absl::StatusOr<std::optional<absl::Time>> RestoredAt(Database& database) {
  const absl::StatusOr<int64_t> at =
      database.QueryInt("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'restored_at'");
  if (absl::IsNotFound(at.status())) return std::nullopt;
  ONETAKE_RETURN_IF_ERROR(at.status());
  return absl::FromUnixMicros(*at);
}

}  // namespace onetake
