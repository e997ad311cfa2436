#include "runtime/ledger/checkpoint_keeper.h"

#include <syslog.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/base/this_thread.h"

namespace onetake {

absl::StatusOr<std::unique_ptr<CheckpointKeeper>> CheckpointKeeper::Open(CheckpointOptions options,
                                                                         std::string instance,
                                                                         const Clock& clock) {
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<CheckpointFile> file,
                           CheckpointFile::Open(options.path));
  absl::StatusOr<SigningKey> key =
      SigningKey::Load(options.key_file, file->last().has_value() ? SigningKey::Missing::kRefuse
                                                                  : SigningKey::Missing::kCreate);
  if (absl::IsNotFound(key.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        key.status().message(), ", but there are checkpoints in ", options.path,
        ": restore the key, or move the checkpoints away and keep them with the old public key"));
  }
  if (!key.ok()) return key.status();
  return std::unique_ptr<CheckpointKeeper>(new CheckpointKeeper(
      std::move(options), std::move(instance), clock, *std::move(key), std::move(file)));
}

CheckpointKeeper::CheckpointKeeper(CheckpointOptions options, std::string instance,
                                   const Clock& clock, SigningKey key,
                                   std::unique_ptr<CheckpointFile> file)
    : options_(std::move(options)),
      instance_(std::move(instance)),
      clock_(clock),
      key_(std::move(key)),
      file_(std::move(file)) {
  const absl::StatusOr<std::optional<Checkpoint>> last = Last();
  if (last.ok() && last->has_value()) signed_seq_ = (*last)->head.seq;
}

CheckpointKeeper::~CheckpointKeeper() { Stop(); }

absl::StatusOr<std::optional<Checkpoint>> CheckpointKeeper::Last() const {
  if (!file_->last().has_value()) return std::nullopt;
  absl::StatusOr<Checkpoint> last = Checkpoint::FromJson(*file_->last());
  if (!last.ok()) return absl::DataLossError("the last checkpoint is malformed");
  if (last->instance != instance_) {
    return absl::DataLossError("the last checkpoint is of another ledger");
  }
  if (!key_.verifying_key().Verifies(last->Message(), last->signature)) {
    return absl::DataLossError("the last checkpoint was not signed with this key");
  }
  return *std::move(last);
}

void CheckpointKeeper::Start() { thread_ = std::thread(&CheckpointKeeper::Loop, this); }

void CheckpointKeeper::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (thread_.joinable()) thread_.join();
}

void CheckpointKeeper::SignNew() {
  ChainHead head;
  {
    absl::MutexLock lock(&mutex_);
    if (!HasNew()) return;
    head = head_;
  }
  (void)Write(head);  // has logged why not
}

void CheckpointKeeper::Note(const ChainHead& head) {
  absl::MutexLock lock(&mutex_);
  head_ = head;
}

bool CheckpointKeeper::IsDue() const {
  return stopping_ || head_.seq - signed_seq_ >= options_.every_events;
}

void CheckpointKeeper::Loop() {
  NameThisThread("checkpoints");
  for (bool stopping = false; !stopping;) {
    ChainHead head;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &CheckpointKeeper::MayRest));
      mutex_.AwaitWithTimeout(absl::Condition(this, &CheckpointKeeper::IsDue), options_.every);
      stopping = stopping_;
      if (!HasNew()) continue;
      head = head_;
    }
    if (Write(head).ok()) continue;
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), options_.every);
  }
}

absl::Status CheckpointKeeper::Write(const ChainHead& head) {
  const Checkpoint checkpoint = Sign(key_, instance_, head, clock_.Now());
  const absl::Status status = file_->Append(checkpoint);
  if (!status.ok()) {
    if (!std::exchange(complained_, true)) {
      Log(LogLevel::kError, "ledger.checkpoint_failed",
          {{LogField::kError, std::string(status.message())},
           {LogField::kAdvice, "until one works, what is cut off the ledger's end goes unseen"}});
    }
    return status;
  }
  complained_ = false;
  if (options_.syslog == CheckpointOptions::Syslog::kOn) {
    syslog(LOG_AUTHPRIV | LOG_NOTICE, "onetake checkpoint %s", checkpoint.ToJson().c_str());
  }
  absl::MutexLock lock(&mutex_);
  signed_seq_ = head.seq;
  ++written_;
  return absl::OkStatus();
}

int64_t CheckpointKeeper::written() const {
  absl::MutexLock lock(&mutex_);
  return written_;
}

}  // namespace onetake
