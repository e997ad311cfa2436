#include "runtime/ledger/chain_verifier.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

// How far from its place an event is looked for, to say what happened to it.
constexpr int64_t kLookAround = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<ChainVerifier>> ChainVerifier::Prepare(Database& database,
                                                                      Options options) {
  std::unique_ptr<ChainVerifier> verifier(new ChainVerifier(database));
  ONETAKE_RETURN_IF_ERROR(verifier->PrepareAll(options));
  return verifier;
}

absl::Status ChainVerifier::PrepareAll(const Options& options) {
  ONETAKE_ASSIGN_OR_RETURN(
      select_events_, database_.Prepare("SELECT seq, hash, " ONETAKE_RECORD_COLUMNS " FROM events"
                                        " WHERE seq >= ?1 ORDER BY seq LIMIT ?2"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_event_,
      database_.Prepare("SELECT seq, hash, " ONETAKE_RECORD_COLUMNS " FROM events WHERE seq = ?1"));
  const bool whole = options.from_seq <= 1;
  ONETAKE_RETURN_IF_ERROR(
      rows_.Prepare(whole ? ChainedRows::Since::kBeginning : ChainedRows::Since::kFirstSeen));
  head_.seq = whole ? 0 : options.from_seq - 1;
  if (whole) {
    ONETAKE_ASSIGN_OR_RETURN(head_.hash, ReadGenesis(database_, hasher_));
    return absl::OkStatus();
  }
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Digest> hash, StoredHash(head_.seq));
  if (!hash.has_value()) {
    return absl::NotFoundError(absl::StrCat("the ledger has no event ", head_.seq));
  }
  head_.hash = *hash;
  return absl::OkStatus();
}

absl::StatusOr<bool> ChainVerifier::Next(int64_t max_events) {
  if (finding_.has_value()) return false;
  ONETAKE_ASSIGN_OR_RETURN(const Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t read, ReadPage(max_events));
  const bool at_end = read < max_events && !finding_.has_value();
  const auto reach = at_end ? ChainedRows::Reach::kEnd : ChainedRows::Reach::kSoFar;
  rows_.TakeSuspect(reach, finding_);
  if (!finding_.has_value()) {
    ONETAKE_ASSIGN_OR_RETURN(finding_, rows_.CheckStrays(reach));
  }
  return !at_end && !finding_.has_value();
}

absl::StatusOr<int64_t> ChainVerifier::ReadPage(int64_t max_events) {
  int64_t read = 0;
  Run run(select_events_);
  run.Int(1, head_.seq + 1).Int(2, max_events);
  for (; !finding_.has_value(); ++read) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found) break;
    ONETAKE_RETURN_IF_ERROR(Check(run));
  }
  return read;
}

absl::Status ChainVerifier::Check(const Run& row) {
  const int64_t seq = row.Int(0);
  if (seq != head_.seq + 1) {
    finding_ = {head_.seq + 1, "removed",
                absl::StrCat("events ", head_.seq + 1, " to ", seq - 1, " are missing")};
    return absl::OkStatus();
  }
  const std::optional<Digest> record = RecordOf(row);
  const absl::StatusOr<Digest> stored = ToDigest(row.Blob(1));
  if (!record.has_value() || !stored.ok() || !(hasher_.Link(seq, head_.hash, *record) == *stored)) {
    ONETAKE_ASSIGN_OR_RETURN(finding_, Explain(seq));
    return absl::OkStatus();
  }
  ChainedEvent event;
  event.seq = seq;
  event.intent_row = row.OptionalInt(4);
  event.call_row = row.OptionalInt(5);
  event.kind = row.Text(10);
  event.to_state = row.Text(12);
  event.digests = row.Blob(16);
  ONETAKE_ASSIGN_OR_RETURN(finding_, rows_.Check(event));
  if (finding_.has_value()) return absl::OkStatus();
  head_ = {seq, *stored};
  ++events_;
  return absl::OkStatus();
}

std::optional<Digest> ChainVerifier::RecordOf(const Run& row) {
  encoding_.Clear();
  encoding_.Begin("events");
  if (!encoding_.Columns(row, 2).ok()) return std::nullopt;
  encoding_.End();
  return hasher_.Rows(encoding_);
}

absl::StatusOr<std::optional<Digest>> ChainVerifier::StoredHash(int64_t seq) {
  Run run(select_event_);
  run.Int(1, seq);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return std::nullopt;
  const absl::StatusOr<Digest> hash = ToDigest(run.Blob(1));
  if (!hash.ok()) return std::nullopt;
  return *hash;
}

// Whether the event that is stored under one number is, hash and all, the one that belongs to
// another.
absl::StatusOr<bool> ChainVerifier::Fits(int64_t stored_as, int64_t seq, const Digest& previous) {
  Run run(select_event_);
  run.Int(1, stored_as);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return false;
  const std::optional<Digest> record = RecordOf(run);
  return record.has_value() && run.Blob(1) == hasher_.Link(seq, previous, *record).view();
}

// An event keeps its hash when it is moved, and its hash tells the number it was made for.
absl::StatusOr<Finding> ChainVerifier::Explain(int64_t seq) {
  for (int64_t other = seq + 1; other <= seq + kLookAround; ++other) {
    ONETAKE_ASSIGN_OR_RETURN(const bool belongs_here, Fits(other, seq, head_.hash));
    if (!belongs_here) continue;
    ONETAKE_ASSIGN_OR_RETURN(const std::optional<Digest> hash, StoredHash(other));
    ONETAKE_ASSIGN_OR_RETURN(const bool all_moved, Fits(other + 1, seq + 1, *hash));
    if (all_moved) return Finding{seq, "inserted", absl::StrCat(other - seq, " events too many")};
    return Finding{seq, "reordered", absl::StrCat("what belongs here is event ", other)};
  }
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Digest> hash, StoredHash(seq));
  for (int64_t gone = 1; hash.has_value() && gone <= kLookAround; ++gone) {
    ONETAKE_ASSIGN_OR_RETURN(const bool moved_up, Fits(seq + 1, seq + 1 + gone, *hash));
    if (moved_up) {
      return Finding{seq, "removed",
                     absl::StrCat(gone,
                                  " events are missing, and those behind them were given"
                                  " other numbers")};
    }
  }
  return Finding{seq, "edited", "its content is not what its hash was made of"};
}

}  // namespace onetake
