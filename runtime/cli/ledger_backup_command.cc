#include <iostream>
#include <memory>

#include "absl/time/clock.h"
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

absl::StatusOr<VerifyReport> RunBackup(const BackupArguments& arguments) {
  const absl::StatusOr<std::string> source = ResolveDatabasePath(arguments.source);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::string> target = ResolveDatabasePath(arguments.target);
  if (!target.ok()) return target.status();
  if (absl::Status status = BackUp(*source, *target); !status.ok()) return status;
  // The integrity check has seen that SQLite can read it; this sees that it is what was written.
  absl::StatusOr<VerifyReport> report = VerifyLedger({.path = *target});
  // Its writer comes last, and takes along the files beside it.
  const auto copy = Database::Open({.path = *target, .access = Database::Access::kWriter});
  if (!copy.ok()) return copy.status();
  if (absl::Status status = MarkAsCopy(**copy, absl::Now()); !status.ok()) return status;
  return report;
}

// A copy of what is not intact is a copy all the same, and may be evidence: it is kept.
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
