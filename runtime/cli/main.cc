#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "runtime/cli/command.h"

namespace onetake {
namespace {

int Main(int argc, char** argv) {
  CLI::App app(
      "onetake: execute tool calls that write once per intent, and ask the ledger about them");
  app.require_subcommand(1);
  app.footer(kExitCodeHelp);
  CommandContext context;
  app.add_option("--server", context.server, "Address of onetaked, or unix:PATH")
      ->capture_default_str()
      ->envname("ONETAKE_SERVER");
  app.set_version_flag("--version", "onetake " ONETAKE_VERSION);
  app.fallthrough();  // --server may stand behind the command
  AddCallCommands(app, context);
  AddToolsCommands(app, context);
  AddLedgerCommands(app, context);
  AddReviewCommands(app, context);
  app.add_subcommand("version", "Print the version")->callback([&context] {
    context.run = [] {
      std::cout << "onetake " ONETAKE_VERSION "\n";
      return ExitCode::kDone;
    };
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(context.run());
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  try {
    return onetake::Main(argc, argv);
  } catch (const std::exception& error) {  // of a library; ours are statuses
    std::cerr << "onetake: " << error.what() << "\n";
    return static_cast<int>(onetake::ExitCode::kServerError);
  }
}
