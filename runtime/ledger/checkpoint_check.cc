#include "runtime/ledger/checkpoint_check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

std::optional<absl::Time> TimeOf(const Checkpoint& checkpoint) {
  absl::Time time;
  std::string ignored;
  if (!absl::ParseTime(absl::RFC3339_full, checkpoint.at, &time, &ignored)) return std::nullopt;
  return time;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointCheck>> CheckpointCheck::Open(
    const std::string& path, const std::string& public_key, std::string instance) {
  ONETAKE_ASSIGN_OR_RETURN(VerifyingKey key, VerifyingKey::Load(public_key));
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<CheckpointReader> reader, CheckpointReader::Open(path));
  return std::unique_ptr<CheckpointCheck>(
      new CheckpointCheck(std::move(reader), std::move(key), std::move(instance)));
}

CheckpointCheck::CheckpointCheck(std::unique_ptr<CheckpointReader> reader, VerifyingKey key,
                                 std::string instance)
    : reader_(std::move(reader)), key_(std::move(key)), instance_(std::move(instance)) {}

Finding CheckpointCheck::Bad(absl::string_view what) const {
  return {next_.has_value() ? next_->head.seq : last_seq_ + 1, "checkpoint edited",
          absl::StrCat("checkpoint ", reader_->line(), " ", what)};
}

absl::StatusOr<std::optional<Finding>> CheckpointCheck::Advance() {
  const ChainHead before = next_.has_value() ? next_->head : ChainHead{};
  absl::StatusOr<std::optional<Checkpoint>> read = reader_->Next();
  next_.reset();
  if (!read.ok()) return Bad(read.status().message());
  next_ = *std::move(read);
  if (!next_.has_value()) return std::nullopt;
  if (next_->key_id != key_.id()) return Bad("names another key");
  if (!key_.Verifies(next_->Message(), next_->signature)) return Bad("has a wrong signature");
  if (next_->instance != instance_) return Bad("is of another ledger");
  // A checkpoint that could not be synced, nor taken back, was made again.
  const bool is_again = next_->head.seq == before.seq && next_->head.hash == before.hash;
  if (next_->head.seq <= before.seq && !is_again) {
    return Bad("is not further on than the one before");
  }
  return std::nullopt;
}

std::optional<Finding> CheckpointCheck::Compare(const ChainHead& head) {
  if (!(next_->head.hash == head.hash)) {
    return Finding{head.seq, "computed anew",
                   absl::StrCat("checkpoint ", reader_->line(), " of ", next_->at,
                                " signs another event here: what is after event ", last_seq_,
                                " is not what was written")};
  }
  ++right_;
  last_seq_ = head.seq;
  return std::nullopt;
}

bool CheckpointCheck::IsAfter(absl::Time time) const {
  const std::optional<absl::Time> signed_at = TimeOf(*next_);
  return signed_at.has_value() && *signed_at > time;
}

std::optional<Finding> CheckpointCheck::RemovedTooSoon(absl::Time removed_at,
                                                       absl::Duration kept_for) const {
  const std::optional<absl::Time> signed_at = TimeOf(*next_);
  if (signed_at.has_value() && *signed_at <= removed_at - kept_for + kYoungerThanSigned) {
    return std::nullopt;
  }
  return Finding{next_->head.seq, "removed",
                 absl::StrCat("checkpoint ", reader_->line(), " of ", next_->at,
                              " signs this event, which was removed before it had been kept for ",
                              absl::FormatDuration(kept_for),
                              " (retention.skeletons of the server: --kept-for)")};
}

Finding CheckpointCheck::CutOff(const ChainHead& head) const {
  return {head.seq + 1, "cut off",
          absl::StrCat("checkpoint ", reader_->line(), " of ", next_->at, " signs event ",
                       next_->head.seq, ", which is missing")};
}

}  // namespace onetake
