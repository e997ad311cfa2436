#include "runtime/cli/import_command.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/cli/import_text.h"

namespace onetake {
namespace {

struct ImportArguments {
  std::string file;
  std::string folder = "tools.d";
  OpenApiImportOptions options;
  std::vector<std::string> fixed;
  bool force = false;
  bool dry_run = false;
  bool json = false;
};

absl::StatusOr<std::string> ReadDescription(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  // A stream that is opened on a folder throws at the first byte.
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(path + ": cannot be read");
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

ExitCode RunImport(const ImportArguments& arguments) {
  const absl::StatusOr<std::string> text = ReadDescription(arguments.file);
  if (!text.ok()) return Complain(text.status());
  OpenApiImportOptions options = arguments.options;
  for (const std::string& fixed : arguments.fixed) {
    const size_t equals = fixed.find('=');
    options.fixed[fixed.substr(0, equals)] =
        equals == std::string::npos ? "" : fixed.substr(equals + 1);
  }
  const absl::StatusOr<OpenApiImport> import = ImportOpenApi(*text, options);
  if (!import.ok()) return Complain(Annotate(import.status(), arguments.file));
  const WriteRule rule = arguments.dry_run ? WriteRule::kNothing
                         : arguments.force ? WriteRule::kOverwrite
                                           : WriteRule::kKeepExisting;
  const absl::StatusOr<WrittenImport> written = WriteImport(*import, arguments.folder, rule);
  if (!written.ok()) return Complain(written.status());
  if (arguments.json) {
    std::cout << DumpJson(ImportToJson(*import, *written)) << "\n";
  } else {
    std::cout << RenderImport(*import, *written, arguments.folder);
  }
  return written->tools > 0 ? ExitCode::kDone : ExitCode::kNoEffect;
}

}  // namespace

void AddImportCommands(CLI::App& tools, CommandContext& context) {
  CLI::App* import =
      tools.add_subcommand("import", "Propose manifests for what others have described");
  import->require_subcommand(1);
  CLI::App* openapi =
      import->add_subcommand("openapi", "The operations of an OpenAPI description, 3.0 or 3.1");
  const auto arguments = std::make_shared<ImportArguments>();
  openapi
      ->add_option("file", arguments->file, "The description, JSON or YAML; - reads standard input")
      ->required();
  openapi->add_option("--out", arguments->folder, "Folder to write to")->capture_default_str();
  openapi->add_option("--only", arguments->options.only,
                      "Only operations with this text in their name, path or \"METHOD path\"");
  openapi->add_option("--base-url", arguments->options.base_url,
                      "Instead of the description's servers: https://..., or ${NAME}");
  openapi->add_option("--env-prefix", arguments->options.variable_prefix,
                      "Begins the names of environment variables; default: the title's words");
  openapi->add_option("--set", arguments->fixed,
                      "NAME=TEXT: a path parameter that is no argument of a model, such as "
                      "AccountSid='${TWILIO_ACCOUNT_SID}'; may be repeated");
  openapi->add_option("--retention", arguments->options.retention,
                      "How long the API remembers idempotency keys (24h), where the description "
                      "does not say. Without it such a tool loads only once you have filled it in");
  openapi->add_flag("--force", arguments->force, "Overwrite files that are there already");
  openapi->add_flag("--dry-run", arguments->dry_run, "Write nothing, show what would be");
  openapi->add_flag("--json", arguments->json, "Print the outcome as JSON");
  openapi->footer(
      "Exit codes: 0 something was proposed, 1 not an OpenAPI description, 3 nothing was proposed\n"
      "(all refused, or all there already), 7 no such file.");
  openapi->callback(
      [&context, arguments] { context.run = [arguments] { return RunImport(*arguments); }; });
  AddMcpImport(*import, context);
}

}  // namespace onetake
