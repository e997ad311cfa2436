#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/catalog/nearest.h"
#include "runtime/cli/command.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

// Checks the address: gRPC would take a name without a port for port 443, and a colon more or less
// for another address.
std::string CheckServer(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return "";
  const size_t colon = address.rfind(':');
  int port = 0;
  const bool has_port = colon != std::string::npos && colon > 0 &&
                        absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 &&
                        port <= 65535;
  const absl::string_view host = absl::string_view(address).substr(0, has_port ? colon : 0);
  const bool is_bare_ipv6 = absl::StrContains(host, ":") && host.back() != ']' &&
                            !absl::StartsWith(host, "dns:") && !absl::StartsWith(host, "ipv4:");
  if (has_port && !is_bare_ipv6) return "";
  return "must be HOST:PORT, e.g. 127.0.0.1:7171 or [::1]:7171, or unix:/run/onetake/onetake.sock";
}

// The token itself is no flag: anybody who lists processes could read it.
void AddServerOptions(CLI::App& app, ClientOptions& server) {
  app.add_option("--server", server.address, "Address of onetaked: HOST:PORT, or unix:PATH")
      ->capture_default_str()
      ->check(CheckServer)
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

// Refuses empty values: `onetake ledger timeline "$SESSION"` with the variable not set asks
// nothing, and must not mean "no filter" either.
void RefuseEmptyValues(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_expected_min() == 0) continue;  // a flag
    option->check([](const std::string& value) {
      return value.empty() ? "is empty: leave it out, or see which variable is not set" : "";
    });
  }
  for (CLI::App* command : app.get_subcommands({})) RefuseEmptyValues(*command);
}

// Says which commands there are when the line ends before a command that does something, or with a
// word that is none. CLI11 says only that one is required.
bool SayWhichCommands(CLI::App& app) {
  CLI::App* command = &app;
  std::string line = "onetake";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().back();
    absl::StrAppend(&line, " ", command->get_name());
  }
  if (command->get_require_subcommand_min() == 0) return false;
  std::vector<std::string> names;
  for (const CLI::App* known : command->get_subcommands({})) names.push_back(known->get_name());
  const std::vector<std::string> words = app.remaining(true);
  const auto word = std::find_if(words.begin(), words.end(), [](const std::string& given) {
    return !absl::StartsWith(given, "-");
  });
  const std::string known = absl::StrJoin(names, ", ");
  if (word == words.end()) {
    std::cerr << line << ": a command is missing, one of " << known << "\n";
  } else {
    const std::string nearest = NearestName(*word, names);
    std::cerr << line << ": " << Printable(*word) << " is not a command"
              << (nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"))
              << (nearest.empty() ? "; there are " : " There are ") << known << "\n";
  }
  return true;
}

// A result that could not be printed (a new token, an answer) is no success.
ExitCode Finish(ExitCode code) {
  std::cout.flush();
  if (std::cout.good() || code != ExitCode::kDone) return code;
  return Complain(absl::FailedPreconditionError("standard output cannot be written to"));
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
  } catch (const CLI::RequiredError& error) {
    if (!SayWhichCommands(app)) app.exit(error);
    return static_cast<int>(ExitCode::kUsage);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(Finish(context.run()));
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  try {
    return onetake::Main(argc, argv);
  } catch (const std::exception& error) {  // a library's; ours are statuses
    std::cerr << "onetake: " << error.what() << "\n";
    return static_cast<int>(onetake::ExitCode::kServerError);
  }
}
