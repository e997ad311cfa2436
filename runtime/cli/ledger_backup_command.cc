#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "absl/cleanup/cleanup.h"
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

void Remove(const std::string& path) {
  for (const char* part : {"", "-wal", "-shm"}) unlink((path + part).c_str());
}

// Verifies the draft: the integrity check has seen that SQLite can read it; this sees that it is
// what was written. Then marks it, in its file itself.
absl::StatusOr<VerifyReport> Finish(const std::string& draft) {
  ONETAKE_ASSIGN_OR_RETURN(VerifyReport report, VerifyLedger({.path = draft}));
  ONETAKE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> copy,
      Database::Open({.path = draft, .access = Database::Access::kWriter, .vfs = ""}));
  ONETAKE_RETURN_IF_ERROR(MarkAsCopy(*copy, absl::Now()));
  ONETAKE_ASSIGN_OR_RETURN(const Database::CheckpointResult left,
                           copy->Checkpoint(Database::CheckpointMode::kTruncate));
  if (left.frames == 0) return report;
  return absl::FailedPreconditionError(absl::StrCat(draft, " is in use by another process"));
}

// A copy gets its own name only when it is verified and marked: put back without the mark, it would
// be taken for the ledger itself.
absl::StatusOr<VerifyReport> RunBackup(const BackupArguments& arguments) {
  const absl::StatusOr<std::string> source = ResolveDatabasePath(arguments.source);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::string> target = ResolveDatabasePath(arguments.target);
  if (!target.ok()) return target.status();
  if (access(target->c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(*target, " exists already: name a file that does not"));
  }
  const std::string draft = *target + ".partial";
  Remove(draft);  // left by a run that was killed
  const absl::Cleanup remove = [&draft] { Remove(draft); };
  if (absl::Status status = BackUp(*source, draft); !status.ok()) return status;
  absl::StatusOr<VerifyReport> report = Finish(draft);
  if (!report.ok()) return report.status();
  if (std::rename(draft.c_str(), target->c_str()) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(draft, " cannot be moved to ", *target, ": ", std::strerror(errno)));
  }
  if (absl::Status status = SyncFolderOf(*target); !status.ok()) return status;
  return report;
}

// A copy of a ledger that is not intact is kept all the same: it may be evidence.
ExitCode Tell(const VerifyReport& report, const std::string& target) {
  std::cout << "copied to " << Printable(target) << "; its integrity check found nothing wrong\n";
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
      const absl::StatusOr<VerifyReport> report = RunBackup(*arguments);
      return report.ok() ? Tell(*report, arguments->target) : Complain(report.status());
    };
  });
}

}  // namespace onetake
