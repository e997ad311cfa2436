#include <iostream>
#include <memory>

#include "absl/time/clock.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/text.h"
#include "runtime/ledger/restoration.h"
#include "runtime/store/backup.h"
#include "runtime/store/database.h"

namespace onetake {
namespace {

struct BackupArguments {
  std::string source = "onetake.db";
  std::string target;
};

absl::Status RunBackup(const BackupArguments& arguments) {
  const absl::StatusOr<std::string> source = ResolveDatabasePath(arguments.source);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::string> target = ResolveDatabasePath(arguments.target);
  if (!target.ok()) return target.status();
  if (absl::Status status = BackUp(*source, *target); !status.ok()) return status;
  const auto copy = Database::Open({.path = *target, .access = Database::Access::kWriter});
  return copy.ok() ? MarkAsCopy(**copy, absl::Now()) : copy.status();
}

}  // namespace

void AddLedgerBackup(CLI::App& ledger, CommandContext& context) {
  CLI::App* backup = ledger.add_subcommand(
      "backup",
      "Copy the ledger's file as it is at one moment, while onetaked goes on; needs no "
      "server, and the right to read the file");
  const auto arguments = std::make_shared<BackupArguments>();
  backup->add_option("file", arguments->target, "The copy; a file that does not exist yet")
      ->required();
  backup
      ->add_option("--ledger", arguments->source, "The ledger's file: ledger.path in onetake.yaml")
      ->capture_default_str()
      ->envname("ONETAKE_LEDGER");
  backup->callback([&context, arguments] {
    context.run = [arguments] {
      if (const absl::Status status = RunBackup(*arguments); !status.ok()) return Complain(status);
      std::cout << "copied to " << Printable(arguments->target)
                << "; its integrity check found nothing wrong\n";
      return ExitCode::kDone;
    };
  });
}

}  // namespace onetake
