#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/cli/client.h"
#include "runtime/cli/exit_code.h"

namespace onetake {

// The state that every command shares.
struct CommandContext {
  ClientOptions server;
  // Set by the command that the line names; run after the whole line has been read.
  std::function<ExitCode()> run;
};

// Each adds its commands to `app`. `context` must outlive it.
void AddCallCommands(CLI::App& app, CommandContext& context);  // call, await
void AddToolsCommands(CLI::App& app, CommandContext& context);
void AddLedgerCommands(CLI::App& app, CommandContext& context);
void AddReviewCommands(CLI::App& app, CommandContext& context);
void AddConfigCommands(CLI::App& app, CommandContext& context);
void AddTokenCommands(CLI::App& app, CommandContext& context);

// Says on standard error what went wrong and what may be done about it.
ExitCode Complain(const absl::Status& status);
// The same for a call of a tool: also says what no answer means for a write.
ExitCode ComplainOfCall(const absl::Status& status);

// Completes the beginning of an intent's id, as a person copies it from the lists. A whole id is
// not looked up; anything else needs the role "audit", as GetIntent does.
absl::StatusOr<std::string> WholeId(Client& client, const std::string& id);

// Checks for CLI11: an error text, or "" when `text` is right.
std::string CheckPatience(const std::string& text);  // "4s", 0 to 5m
absl::Duration ParsePatience(const std::string& text);

}  // namespace onetake
