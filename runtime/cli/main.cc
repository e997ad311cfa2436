#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "runtime/cli/command.h"

namespace onetake {
namespace {

// The token itself is no flag: whoever lists processes could read it.
void AddServerOptions(CLI::App& app, ClientOptions& server) {
  app.add_option("--server", server.address, "Address of onetaked, or unix:PATH")
      ->capture_default_str()
      ->envname("ONETAKE_SERVER");
  app.add_option("--token-file", server.token_file,
                 "File with the bearer token; without it the variable ONETAKE_TOKEN is used")
      ->envname("ONETAKE_TOKEN_FILE");
  app.add_option("--ca", server.ca_file, "PEM file that the server's certificate is checked by")
      ->envname("ONETAKE_CA");
  app.add_option("--certificate", server.certificate_file, "PEM file with our own certificate")
      ->envname("ONETAKE_CERTIFICATE");
  app.add_option("--key", server.key_file, "PEM file with its key")->envname("ONETAKE_KEY");
}

// `onetake ledger timeline "$SESSION"`, and the variable is not set: no question, and no filter, is
// meant by that.
void RefuseEmptyValues(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_expected_min() == 0) continue;  // a flag
    option->check([](const std::string& value) {
      return value.empty() ? "is empty: leave it out, or see which variable is not set" : "";
    });
  }
  for (CLI::App* command : app.get_subcommands({})) RefuseEmptyValues(*command);
}

int Main(int argc, char** argv) {
  CLI::App app(
      "onetake: execute tool calls that write once per intent, and ask the ledger about them");
  app.require_subcommand(1);
  app.footer(kExitCodeHelp);
  CommandContext context;
  AddServerOptions(app, context.server);
  app.set_version_flag("--version", "onetake " ONETAKE_VERSION);
  app.fallthrough();  // --server may stand behind the command
  AddCallCommands(app, context);
  AddToolsCommands(app, context);
  AddLedgerCommands(app, context);
  AddReviewCommands(app, context);
  AddTokenCommands(app, context);
  AddConfigCommands(app, context);
  app.add_subcommand("version", "Print the version")->callback([&context] {
    context.run = [] {
      std::cout << "onetake " ONETAKE_VERSION "\n";
      return ExitCode::kDone;
    };
  });
  RefuseEmptyValues(app);
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
