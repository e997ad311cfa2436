#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/base/status.h"
#include "runtime/base/sync_folder.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/text.h"
#include "runtime/ledger/restoration.h"
#include "runtime/ledger/verify_ledger.h"
#include "runtime/store/backup.h"
#include "runtime/store/database.h"

namespace onetake {
namespace {

struct BackupArguments {
  std::string source = "onetake.db";
  std::string target;
};

struct Copied {
  VerifyReport report;
  std::string masters;  // the ids of the master keys that it is sealed under
};

// The file that a copy is made in, under another name than its own. One process at a time makes a
// copy of that name: another's draft would be taken for one that was left by a run that was killed.
class Draft {
 public:
  static absl::StatusOr<std::unique_ptr<Draft>> Begin(const std::string& target) {
    while (true) {
      std::unique_ptr<Draft> draft(new Draft(target));
      if (draft->lock_ < 0) return draft->Failure("cannot be created: ");
      if (flock(draft->lock_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return draft->Failure("cannot be locked: ");
        return absl::AlreadyExistsError(absl::StrCat(
            "another backup to ", target, " is under way: wait for it, or name another file"));
      }
      // Whoever had the lock before removes its file with it.
      if (!draft->IsLockOfFile()) continue;
      draft->owned_ = true;
      draft->Remove();
      return draft;
    }
  }
  ~Draft() {
    if (owned_) {
      Remove();
      unlink(lock_file_.c_str());
    }
    if (lock_ >= 0) close(lock_);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const std::string& path() const { return path_; }

  // Gives it the target's name, which nothing may have by now.
  absl::Status Publish() const {
    int failed = renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE);
    // Some file systems cannot do that in one step.
    if (failed != 0 && errno == EINVAL && access(target_.c_str(), F_OK) != 0) {
      failed = std::rename(path_.c_str(), target_.c_str());
    }
    if (failed == 0) return SyncFolderOf(target_);
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " cannot be moved to ", target_, ": ", std::strerror(errno)));
  }

 private:
  explicit Draft(const std::string& target)
      : target_(target),
        path_(target + ".partial"),
        lock_file_(path_ + ".lock"),
        lock_(open(lock_file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {}

  absl::Status Failure(absl::string_view what) const {
    return absl::FailedPreconditionError(absl::StrCat(lock_file_, " ", what, std::strerror(errno)));
  }
  bool IsLockOfFile() const {
    struct stat ours {};
    struct stat named {};
    return fstat(lock_, &ours) == 0 && stat(lock_file_.c_str(), &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
  }
  void Remove() const {
    for (const char* part : {"", "-wal", "-shm"}) unlink((path_ + part).c_str());
  }

  const std::string target_, path_, lock_file_;
  const int lock_;
  bool owned_ = false;
};

// Verifies the draft: the integrity check has seen that SQLite can read it; this sees that it is
// what was written. Then marks it, in its file itself.
absl::StatusOr<Copied> Finish(const std::string& draft, absl::Time begun_at) {
  Copied copied;
  ONETAKE_ASSIGN_OR_RETURN(copied.report, VerifyLedger({.path = draft}));
  ONETAKE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> copy,
      Database::Open({.path = draft, .access = Database::Access::kWriter, .vfs = ""}));
  ONETAKE_RETURN_IF_ERROR(MarkAsCopy(*copy, begun_at));
  ONETAKE_ASSIGN_OR_RETURN(const Database::CheckpointResult left,
                           copy->Checkpoint(Database::CheckpointMode::kTruncate));
  ONETAKE_ASSIGN_OR_RETURN(copied.masters,
                           copy->QueryText("SELECT coalesce(group_concat(master, ', '), '')"
                                           " FROM (SELECT DISTINCT master FROM seal_keys)"));
  if (left.frames == 0) return copied;
  return absl::FailedPreconditionError(absl::StrCat(draft, " is in use by another process"));
}

// A copy gets its own name only when it is verified and marked: put back without the mark, it would
// be taken for the ledger itself.
absl::StatusOr<Copied> RunBackup(const BackupArguments& arguments) {
  const absl::StatusOr<std::string> source = ResolveDatabasePath(arguments.source);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::string> target = ResolveDatabasePath(arguments.target);
  if (!target.ok()) return target.status();
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<Draft> draft, Draft::Begin(*target));
  if (access(target->c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(*target, " exists already: name a file that does not"));
  }
  // What was signed before is in the copy.
  const absl::Time begun_at = absl::Now();
  ONETAKE_RETURN_IF_ERROR(BackUp(*source, draft->path()));
  ONETAKE_ASSIGN_OR_RETURN(Copied copied, Finish(draft->path(), begun_at));
  ONETAKE_RETURN_IF_ERROR(draft->Publish());
  return copied;
}

// A copy of a ledger that is not intact is kept all the same: it may be evidence.
ExitCode Tell(const Copied& copied, const std::string& target) {
  const VerifyReport& report = copied.report;
  std::cout << "copied to " << Printable(target) << "; its integrity check found nothing wrong\n";
  if (!copied.masters.empty()) {
    std::cout << "it is sealed under master key " << Printable(copied.masters)
              << ": keep that key for as long as the copy\n";
  }
  if (report.finding.has_value()) {
    std::cerr << "TAMPERED: event " << report.finding->seq << ": " << report.finding->how << ": "
              << report.finding->what << "; so is the ledger that it was copied from\n";
    return ExitCode::kTampered;
  }
  std::cout << "its chain of " << report.events << " events is intact, up to " << report.head.seq
            << "\n";
  return ExitCode::kDone;
}

}  // namespace

void AddLedgerBackup(CLI::App& ledger, CommandContext& context) {
  CLI::App* backup = ledger.add_subcommand(
      "backup",
      "Copy the ledger's file as it is at one moment, while onetaked goes on, and verify the copy; "
      "needs no server, and the right to read the file");
  const auto arguments = std::make_shared<BackupArguments>();
  backup->add_option("file", arguments->target, "The copy; a file that does not exist yet")
      ->required();
  backup
      ->add_option("--ledger", arguments->source, "The ledger's file: ledger.path in onetake.yaml")
      ->capture_default_str()
      ->envname("ONETAKE_LEDGER");
  backup->callback([&context, arguments] {
    context.run = [arguments] {
      const absl::StatusOr<Copied> copied = RunBackup(*arguments);
      return copied.ok() ? Tell(*copied, arguments->target) : Complain(copied.status());
    };
  });
}

}  // namespace onetake
