#include <iostream>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/catalog.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/import_command.h"
#include "runtime/cli/latency_text.h"
#include "runtime/cli/measured_lint.h"
#include "runtime/cli/test_command.h"
#include "runtime/cli/text.h"
#include "runtime/json/json.h"

namespace onetake {
namespace {

struct ListArguments {
  v1::ListToolsRequest request;
  std::string name;
  std::string format;
  bool json = false;
};

struct LatencyArguments {
  v1::LatencyReportRequest request;
  bool json = false;
};

struct LintArguments {
  std::vector<std::string> folders;
  bool measured = false;
  bool json = false;
};

// The formats by the names that the catalog gives them.
const std::map<std::string, v1::ToolFormat>& Formats() {
  static const auto* const formats = new std::map<std::string, v1::ToolFormat>{
      {"native", v1::TOOL_FORMAT_NATIVE},           {"openai", v1::TOOL_FORMAT_OPENAI},
      {"openai_flat", v1::TOOL_FORMAT_OPENAI_FLAT}, {"anthropic", v1::TOOL_FORMAT_ANTHROPIC},
      {"gemini", v1::TOOL_FORMAT_GEMINI},           {"mcp", v1::TOOL_FORMAT_MCP}};
  return *formats;
}

std::string EffectOf(const v1::ToolDescription& tool) {
  return tool.effect() == v1::EFFECT_READ ? "READ" : "WRITE";
}

std::string RenderList(const v1::ListToolsResponse& tools) {
  std::vector<std::vector<std::string>> rows = {
      {"TOOL", "EFFECT", "SAFETY", "PATIENCE", "DESCRIPTION"}};
  for (const v1::ToolDescription& tool : tools.tools()) {
    rows.push_back({tool.name(), EffectOf(tool), tool.safety().empty() ? "-" : tool.safety(),
                    absl::StrCat(tool.patience_ms(), " ms"), Printable(tool.description())});
  }
  return Table(rows);
}

std::string RenderTool(const v1::ToolDescription& tool) {
  const absl::StatusOr<Json> schema = ParseJson(tool.parameters_json(), ResultLimits());
  return absl::StrCat(tool.name(), "\n",
                      Table({{"", "description", Printable(tool.description())},
                             {"", "effect", EffectOf(tool)},
                             {"", "safety", tool.safety().empty() ? "-" : tool.safety()},
                             {"", "version", tool.version()},
                             {"", "patience", absl::StrCat(tool.patience_ms(), " ms")},
                             {"", "filler", absl::StrCat(tool.filler_ms(), " ms")}}),
                      "  parameters\n", schema.ok() ? schema->dump(2) : tool.parameters_json(),
                      "\n");
}

ExitCode RunList(const CommandContext& context, ListArguments& arguments) {
  v1::ListToolsRequest& request = arguments.request;
  if (!arguments.format.empty()) request.set_format(Formats().at(arguments.format));
  if (!arguments.name.empty()) request.add_names(arguments.name);
  Client client(context.server);
  const absl::StatusOr<v1::ListToolsResponse> tools = client.ListTools(request);
  if (!tools.ok()) return Complain(tools.status());
  if (arguments.json) {
    std::cout << ToJson(*tools) << "\n";
  } else if (!arguments.format.empty()) {
    std::cout << tools->tools_json() << "\n";
  } else if (arguments.name.empty()) {
    std::cout << RenderList(*tools);
  } else {
    for (const v1::ToolDescription& tool : tools->tools()) std::cout << RenderTool(tool);
  }
  return ExitCode::kDone;
}

ExitCode RunLatency(const CommandContext& context, const LatencyArguments& arguments) {
  Client client(context.server);
  const absl::StatusOr<v1::LatencyReportResponse> report = client.LatencyReport(arguments.request);
  if (!report.ok()) return Complain(report.status());
  std::cout << (arguments.json ? ToJson(*report) + "\n" : RenderLatencies(*report));
  return ExitCode::kDone;
}

ExitCode RunLint(const CommandContext& context, const LintArguments& arguments) {
  Catalog catalog = LoadCatalog(arguments.folders, ProcessEnvironment());
  if (arguments.measured) {
    const absl::StatusOr<v1::LatencyReportResponse> report =
        Client(context.server).LatencyReport({});
    if (!report.ok()) return Complain(report.status());
    LintMeasured(*report, catalog);
  }
  if (arguments.json) {
    std::cout << DumpJson(DiagnosticsToJson(catalog.diagnostics)) << "\n";
  } else {
    std::cout << FormatDiagnostics(catalog.diagnostics);
    if (catalog.tools != nullptr) {
      std::cout << "ok: " << catalog.tools->tools().size() << " tools\n";
    }
  }
  return catalog.tools == nullptr ? ExitCode::kLintErrors : ExitCode::kDone;
}

void AddShared(CLI::App& command, const std::shared_ptr<ListArguments>& arguments,
               CommandContext& context) {
  command
      .add_option("--format", arguments->format,
                  "Print the definitions as a model's API takes them: native, openai (Chat "
                  "Completions), openai_flat (Responses, Realtime), anthropic, gemini, mcp")
      ->check(CLI::IsMember(Formats()));
  command.add_flag("--json", arguments->json, "Print the ListToolsResponse as JSON");
  command.callback([&context, arguments] {
    context.run = [&context, arguments] { return RunList(context, *arguments); };
  });
}

}  // namespace

void AddToolsCommands(CLI::App& app, CommandContext& context) {
  CLI::App* tools = app.add_subcommand("tools", "The tools of the server, and manifests on disk");
  tools->require_subcommand(1);
  AddShared(*tools->add_subcommand("list", "All tools of the server"),
            std::make_shared<ListArguments>(), context);

  CLI::App* show = tools->add_subcommand("show", "One tool of the server");
  const auto show_arguments = std::make_shared<ListArguments>();
  show->add_option("tool", show_arguments->name, "Its name")->required();
  AddShared(*show, show_arguments, context);

  CLI::App* latency = tools->add_subcommand(
      "latency", "How long the tools really take, and what their timeouts make of that");
  const auto latency_arguments = std::make_shared<LatencyArguments>();
  latency->add_option("tool", *latency_arguments->request.mutable_tool(), "Only this one");
  latency->add_flag("--json", latency_arguments->json, "Print the LatencyReportResponse as JSON");
  latency->callback([&context, latency_arguments] {
    context.run = [&context, latency_arguments] { return RunLatency(context, *latency_arguments); };
  });

  AddImportCommands(*tools, context);

  CLI::App* lint = tools->add_subcommand(
      "lint", "Check folders of manifests; asks no server unless --measured. All faults at once");
  const auto lint_arguments = std::make_shared<LintArguments>();
  lint->add_option("folder", lint_arguments->folders, "Folders of manifests")->required();
  lint->add_flag("--json", lint_arguments->json, "Print the diagnostics as a JSON array");
  lint->add_flag(
      "--measured", lint_arguments->measured,
      "Also judge the timeouts by what the server (--server) has measured of these tools");
  lint->footer(kExitCodeHelp);
  lint->callback([&context, lint_arguments] {
    context.run = [&context, lint_arguments] { return RunLint(context, *lint_arguments); };
  });
  AddTestCommand(*tools, context);
}

}  // namespace onetake
