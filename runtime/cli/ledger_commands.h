#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "runtime/cli/command.h"

namespace onetake {

// The parts of `onetake ledger`, each adding its commands.
void AddLedgerQuestions(CLI::App& ledger, CommandContext& context);  // list, show, explain, tail
void AddLedgerTimeline(CLI::App& ledger, CommandContext& context);
void AddLedgerReport(CLI::App& ledger, CommandContext& context);
void AddLedgerExport(CLI::App& ledger, CommandContext& context);
void AddLedgerBackup(CLI::App& ledger, CommandContext& context);
void AddLedgerVerify(CLI::App& ledger, CommandContext& context);
void AddLedgerErase(CLI::App& ledger, CommandContext& context);
void AddLedgerProof(CLI::App& ledger, CommandContext& context);  // prove, check-proof

// Adds `show`, which shows one intent. It is a command of `onetake review` too.
void AddShowIntent(CLI::App& parent, const std::string& description, CommandContext& context);

// NOT_FOUND when a command that reads the ledger's file is given one that does not exist.
absl::Status FindLedger(const std::string& path);

}  // namespace onetake
