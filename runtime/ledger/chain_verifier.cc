#include "runtime/ledger/chain_verifier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

// How far from its place an event is looked for, so as to say what happened to it.
constexpr int64_t kLookAround = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<ChainVerifier>> ChainVerifier::Prepare(Database& database,
                                                                      Options options) {
  ONETAKE_ASSIGN_OR_RETURN(ChainBaseReader base, ChainBaseReader::Prepare(database));
  std::unique_ptr<ChainVerifier> verifier(new ChainVerifier(database, std::move(base)));
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
  ONETAKE_ASSIGN_OR_RETURN(
      select_in_front_,
      database_.Prepare("SELECT seq FROM events WHERE seq <= ?1 ORDER BY seq LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(base_, base_reader_.Read());
  const bool whole = options.from_seq <= base_.head.seq + 1;
  ONETAKE_RETURN_IF_ERROR(
      rows_.Prepare(whole ? ChainedRows::Since::kBeginning : ChainedRows::Since::kFirstSeen));
  ONETAKE_ASSIGN_OR_RETURN(const bool found,
                           BeginAt(whole ? base_.head.seq : options.from_seq - 1));
  if (found) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("the ledger has no event ", options.from_seq - 1));
}

// When the ledger is in use, the first events may have been removed since the last page.
absl::Status ChainVerifier::TakeBase() {
  ONETAKE_ASSIGN_OR_RETURN(base_, base_reader_.Read());
  rows_.BeginSnapshot(base_.intent_row, base_.call_row);
  ONETAKE_ASSIGN_OR_RETURN(const bool confirmed, base_reader_.IsConfirmed(base_));
  if (!confirmed) {
    finding_ = {base_.head.seq + 1, "removed",
                "what was before this event is missing, and no event says that it was removed"};
    return absl::OkStatus();
  }
  if (base_.head.seq > head_.seq) head_ = base_.head;
  ONETAKE_ASSIGN_OR_RETURN(finding_, FindInFront());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Finding>> ChainVerifier::FindInFront() {
  Run run(select_in_front_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, base_.head.seq).Step());
  if (!found) return std::nullopt;
  return Finding{run.Int(0), "inserted",
                 absl::StrCat("the chain begins with event ", base_.head.seq + 1)};
}

absl::StatusOr<bool> ChainVerifier::BeginAt(int64_t seq) {
  if (seq == base_.head.seq) {
    head_ = base_.head;
    return true;
  }
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Digest> hash, StoredHash(seq));
  if (!hash.has_value()) return false;
  head_ = {seq, *hash};
  return true;
}

absl::StatusOr<std::optional<ChainVerifier::Part>> ChainVerifier::VerifyPart(int64_t from_seq,
                                                                             int64_t events) {
  finding_.reset();
  rows_.BeginAnew();
  ONETAKE_ASSIGN_OR_RETURN(const bool found, BeginAt(from_seq - 1));
  if (!found) return std::nullopt;
  Part part{.base = {}, .before = head_, .hashes = {}, .rows = {}};
  ONETAKE_RETURN_IF_ERROR(Next(events).status());
  part.base = base_;
  const std::optional<ChainedRows::Spans> rows = rows_.Dense();
  const bool all = head_.seq == part.before.seq + events;
  if (!all || finding_.has_value() || !rows.has_value()) return std::nullopt;
  part.hashes.assign(hashes_.begin() + 1, hashes_.end());
  part.rows = *rows;
  return part;
}

bool ChainVerifier::Take(Part part) {
  const bool fits =
      part.before.seq == head_.seq && part.before.hash == head_.hash && part.base == base_;
  if (!fits || part.hashes.empty() || finding_.has_value()) return false;
  const auto events = static_cast<int64_t>(part.hashes.size());
  if (!rows_.Take(part.rows, head_.seq + events)) return false;
  events_ += events;
  head_ = {head_.seq + events, part.hashes.back()};
  part.hashes.insert(part.hashes.begin(), part.before.hash);
  hashes_ = std::move(part.hashes);
  return true;
}

std::optional<Digest> ChainVerifier::HashAt(int64_t seq) const {
  if (seq == head_.seq) return head_.hash;
  const int64_t before = head_.seq + 1 - static_cast<int64_t>(hashes_.size());
  if (seq < before || seq > head_.seq) return std::nullopt;
  return hashes_[static_cast<size_t>(seq - before)];
}

absl::StatusOr<bool> ChainVerifier::Next(int64_t max_events) {
  if (finding_.has_value()) return false;
  ONETAKE_ASSIGN_OR_RETURN(const Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  ONETAKE_RETURN_IF_ERROR(TakeBase());
  ONETAKE_ASSIGN_OR_RETURN(const int64_t read, ReadPage(max_events));
  const bool at_end = read < max_events && !finding_.has_value();
  const auto reach = at_end ? ChainedRows::Reach::kEnd : ChainedRows::Reach::kSoFar;
  ONETAKE_RETURN_IF_ERROR(rows_.TakeSuspect(reach, finding_));
  if (!finding_.has_value()) {
    ONETAKE_ASSIGN_OR_RETURN(finding_, rows_.CheckStrays(reach));
  }
  return !at_end && !finding_.has_value();
}

absl::StatusOr<int64_t> ChainVerifier::ReadPage(int64_t max_events) {
  int64_t read = 0;
  hashes_.assign(1, head_.hash);
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
  event.at = row.Int(2);
  event.tenant = row.Text(3);
  event.intent_row = row.OptionalInt(4);
  event.call_row = row.OptionalInt(5);
  event.intent_id = row.Text(6);
  event.generation = row.Int(7);
  event.tool = row.Text(8);
  event.session_id = row.Text(9);
  event.kind = row.Text(10);
  event.to_state = row.Text(12);
  event.digests = row.Blob(16);
  ONETAKE_ASSIGN_OR_RETURN(finding_, rows_.Check(event));
  if (finding_.has_value()) return absl::OkStatus();
  head_ = {seq, *stored};
  hashes_.push_back(*stored);
  ++events_;
  return absl::OkStatus();
}

std::optional<Digest> ChainVerifier::RecordOf(const Run& row) {
  encoding_.Clear();
  encoding_.Begin("events");
  if (!encoding_.Columns(row, 2, names_).ok()) return std::nullopt;
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
