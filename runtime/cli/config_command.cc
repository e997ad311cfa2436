#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "runtime/access/token_file.h"
#include "runtime/base/status.h"
#include "runtime/cli/command.h"
#include "runtime/config/config.h"
#include "runtime/config/config_reference.h"

namespace onetake {
namespace {

// What a start would look at, without making or opening anything.
absl::Status Check(const std::string& file) {
  ONETAKE_ASSIGN_OR_RETURN(const ServerConfig config, LoadConfig(file));
  if (config.tls.on()) ONETAKE_RETURN_IF_ERROR(ReadTls(config.tls, KeyReader::kSomebody).status());
  if (config.access.token_file.empty()) return absl::OkStatus();
  const absl::Status tokens = ReadTokenFile(config.access.token_file).status();
  if (!absl::IsNotFound(tokens)) return tokens;
  std::cerr << "note: " << config.access.token_file
            << " does not exist: nobody can call by token yet\n";
  return absl::OkStatus();
}

ExitCode RunCheck(const std::string& file) {
  if (absl::Status status = Check(file); !status.ok()) {
    std::cerr << status.message() << "\n";
    return ExitCode::kLintErrors;
  }
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
  CLI::App* check = config->add_subcommand(
      "check",
      "Find everything that is wrong with a file, the certificates and tokens that it names\n"
      "included; touches nothing");
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
