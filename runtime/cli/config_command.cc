#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/access/token_file.h"
#include "runtime/cli/command.h"
#include "runtime/cli/text.h"
#include "runtime/config/config.h"
#include "runtime/config/config_reference.h"
#include "runtime/config/surroundings.h"
#include "tools/grpc/grpc_channel.h"

namespace onetake {
namespace {

// Checks what a start would look at, without making or opening anything for writing.
std::vector<Misfit> Check(const ServerConfig& config) {
  std::vector<Misfit> found = FindMisfits(config);
  const auto add = [&](const absl::Status& status) {
    if (!status.ok()) found.push_back({Misfit::Weight::kError, std::string(status.message())});
  };
  if (config.tls.on()) add(ReadTls(config.tls, KeyReader::kSomebody).status());
  for (const PluginSpec& plugin : config.plugins) add(CheckPluginTls(plugin));
  if (config.access.token_file.empty()) return found;
  const absl::Status tokens = ReadTokenFile(config.access.token_file).status();
  if (absl::IsNotFound(tokens)) {
    found.push_back(
        {Misfit::Weight::kWarning, absl::StrCat("access.tokens: ", config.access.token_file,
                                                " does not exist: nobody can call by token yet")});
  } else {
    add(tokens);
  }
  return found;
}

ExitCode RunCheck(const std::string& file) {
  const absl::StatusOr<ServerConfig> config = LoadConfig(file);
  if (!config.ok()) {
    std::cerr << config.status().message() << "\n";
    return ExitCode::kLintErrors;
  }
  bool good = true;
  for (const Misfit& misfit : Check(*config)) {
    const bool is_error = misfit.weight == Misfit::Weight::kError;
    good = good && !is_error;
    std::cerr << file << ": " << (is_error ? "" : "warning: ") << Printable(misfit.text) << "\n";
  }
  if (!good) return ExitCode::kLintErrors;
  std::cout << file << ": good. `onetake tools lint FOLDER` looks at the manifests.\n";
  return ExitCode::kDone;
}

ExitCode RunExplain(const std::string& field) {
  const std::string text = ExplainConfig(field);
  if (text.empty()) {
    return Complain(absl::NotFoundError(
        absl::StrCat("onetake.yaml has no field ", field, "; without a name all are listed")));
  }
  std::cout << text;
  return ExitCode::kDone;
}

}  // namespace

void AddConfigCommands(CLI::App& app, CommandContext& context) {
  CLI::App* config = app.add_subcommand("config", "onetake.yaml, the configuration of a server");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check",
                                           "Find everything that is wrong with a file, and with "
                                           "what it names on this machine: folders,\n"
                                           "keys, certificates, tokens; touches nothing. What may "
                                           "be right where onetaked will run is only\n"
                                           "a warning: a variable that is not set; a group, a "
                                           "program or the ledger's folder that is not\n"
                                           "there; a tool on legal hold that no manifest has");
  const auto file = std::make_shared<std::string>("onetake.yaml");
  check->add_option("file", *file, "The file")->capture_default_str();
  check->callback([&context, file] { context.run = [file] { return RunCheck(*file); }; });
  CLI::App* explain = config->add_subcommand(
      "explain", "Every field: what it means, what it may be, its default, when a change counts");
  const auto field = std::make_shared<std::string>();
  explain->add_option("field", *field, "Only this one and those below it, e.g. limits");
  explain->callback([&context, field] { context.run = [field] { return RunExplain(*field); }; });
}

}  // namespace onetake
