#include "runtime/cli/test_command.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/system_clock.h"
#include "runtime/catalog/catalog.h"
#include "runtime/cli/plugin_under_test.h"
#include "runtime/cli/text.h"
#include "runtime/json/json.h"
#include "tools/kit/example_arguments.h"
#include "tools/kit/http_checks.h"
#include "tools/kit/mcp_checks.h"
#include "tools/kit/plugin_checks.h"
#include "tools/kit/probe_checks.h"

namespace onetake {
namespace {

namespace fs = std::filesystem;

struct TestArguments {
  std::vector<std::string> paths;
  PluginUnderTest plugin;
  bool execute_writes = false;
  std::string arguments_json;
  std::string tool;
  bool json = false;
};

constexpr char kFooter[] =
    "Tools of HTTP APIs and of MCP servers run against a scripted downstream on this machine: "
    "their\n"
    "own is never called and their secrets are not read. PATH is a manifest or a folder of "
    "manifests.\n"
    "\n"
    "A plugin is driven itself: give --command, --address or --native, and its manifests, or none "
    "to\n"
    "test all that it describes. Its WRITEs are really made, so only with --execute-writes.\n"
    "\n"
    "Exit codes: 0 every check passed or was skipped, 1 usage, 8 a check failed or a manifest has\n"
    "errors.";

// The manifests that were named, and those beside them that they may name.
struct Named {
  std::vector<std::string> folders;
  std::set<std::string> files;  // empty: all of the folders
};

Named NamedBy(const std::vector<std::string>& paths) {
  Named named;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      named.folders.push_back(path);
      continue;
    }
    const std::string folder = fs::path(path).parent_path();
    named.folders.push_back(folder.empty() ? "." : folder);
    named.files.insert(fs::weakly_canonical(path, error));
  }
  return named;
}

std::vector<std::shared_ptr<const Tool>> Chosen(const ToolSet& tools, const Named& named,
                                                const std::string& only) {
  std::vector<std::shared_ptr<const Tool>> chosen;
  for (const std::shared_ptr<const Tool>& tool : tools.tools()) {
    std::error_code error;
    const std::string source = fs::weakly_canonical(tool->source, error);
    const bool in_folder = named.files.empty() || named.files.count(source) > 0;
    if (in_folder && (only.empty() || only == tool->name)) chosen.push_back(tool);
  }
  return chosen;
}

absl::StatusOr<Json> ArgumentsFor(const Tool& tool, const std::string& given) {
  if (given.empty()) return ExampleArguments(*tool.parameters);
  absl::StatusOr<Json> arguments = ParseJson(given, ArgumentLimits());
  if (!arguments.ok()) return arguments;
  const std::vector<JsonSchema::Violation> violations = tool.parameters->Check(*arguments);
  if (violations.empty()) return arguments;
  return absl::InvalidArgumentError(
      absl::StrCat("--arguments: ", violations[0].path, " ", violations[0].reason));
}

// The state that all checks of one run share.
struct Bench {
  const TestArguments& arguments;
  EventLoop& loop;
  SystemClock& clock;
  SystemRandom& random;
  PluginExecutor* plugin = nullptr;  // nullptr: none is given
  PluginDescription description = {};
  std::string run;                                     // no other run has the same
  std::shared_ptr<const ToolSet> manifests = nullptr;  // all that were read
};

std::vector<std::string> SecretsOf(const PluginUnderTest& plugin) {
  std::vector<std::string> secrets;
  for (const std::string& name : plugin.pass_env) {
    if (const char* value = std::getenv(name.c_str())) secrets.emplace_back(value);
  }
  return secrets;
}

std::vector<CheckResult> CheckPlugins(Tool tool, const Json& arguments, const Bench& bench) {
  tool.plugin->plugin = std::string(kPluginUnderTest);
  return CheckPluginTool(
      tool, arguments, bench.description,
      {.writes = bench.arguments.execute_writes ? PluginCheckOptions::Writes::kMake
                                                : PluginCheckOptions::Writes::kNo,
       .key_prefix = absl::StrCat("kit-", bench.run, "-", tool.name, "-"),
       .secrets = SecretsOf(bench.arguments.plugin)},
      *bench.plugin, bench.loop);
}

std::vector<CheckResult> CheckProbeToo(std::vector<CheckResult> results, const Tool& tool,
                                       const Json& arguments, const Bench& bench) {
  for (CheckResult& result : CheckProbe(tool, arguments, *bench.manifests)) {
    results.push_back(std::move(result));
  }
  return results;
}

std::vector<CheckResult> CheckTool(const Tool& tool, const Bench& bench) {
  CheckList list(tool.name);
  const absl::StatusOr<Json> arguments = ArgumentsFor(tool, bench.arguments.arguments_json);
  if (!arguments.ok()) {
    list.Fail("arguments",
              absl::StrCat(std::string(arguments.status().message()), " (--arguments JSON)"));
    return list.Take();
  }
  if (tool.http.has_value()) {
    return CheckProbeToo(CheckHttpTool(tool, *arguments, bench.loop, bench.clock), tool, *arguments,
                         bench);
  }
  if (tool.mcp.has_value()) {
    return CheckProbeToo(CheckMcpTool(tool, *arguments, bench.loop, bench.clock, bench.random),
                         tool, *arguments, bench);
  }
  if (tool.plugin.has_value() && bench.plugin != nullptr) {
    return CheckPlugins(tool, *arguments, bench);
  }
  list.Skip("executor", "its plugin is not given: --command, --address or --native");
  return list.Take();
}

Json ToJsonRow(const CheckResult& result) {
  return {{"tool", result.tool},
          {"check", result.check},
          {"verdict", std::string(ToString(result.verdict))},
          {"detail", result.detail}};
}

void Print(const std::vector<CheckResult>& results, const TestArguments& arguments) {
  if (arguments.json) {
    Json rows = Json::array();
    for (const CheckResult& result : results) rows.push_back(ToJsonRow(result));
    std::cout << DumpJson(rows) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"TOOL", "CHECK", "VERDICT", "WHAT"}};
  int passed = 0;
  int failed = 0;
  for (const CheckResult& result : results) {
    rows.push_back({result.tool, result.check, std::string(ToString(result.verdict)),
                    Printable(result.detail)});
    passed += result.verdict == CheckResult::Verdict::kPass ? 1 : 0;
    failed += result.verdict == CheckResult::Verdict::kFail ? 1 : 0;
  }
  std::cout << Table(rows) << "\n"
            << passed << " passed, " << failed << " failed, "
            << results.size() - static_cast<size_t>(passed + failed) << " skipped\n";
}

using Tools = std::vector<std::shared_ptr<const Tool>>;

// The tools that the manifests name; prints why not.
absl::StatusOr<Tools> NamedTools(Bench& bench) {
  const TestArguments& arguments = bench.arguments;
  const Named named = NamedBy(arguments.paths);
  const Catalog catalog = LoadCatalog(named.folders, ProcessEnvironment());
  if (catalog.tools == nullptr) {
    std::cerr << FormatDiagnostics(catalog.diagnostics);
    return absl::FailedPreconditionError("the manifests have errors");
  }
  bench.manifests = catalog.tools;
  return Chosen(*catalog.tools, named, arguments.tool);
}

// All tools that the plugin describes.
Tools Described(const Bench& bench, std::vector<CheckResult>& results) {
  Tools tools;
  for (std::shared_ptr<Tool>& tool :
       DescribedTools(bench.description, std::string(kPluginUnderTest), results)) {
    if (bench.arguments.tool.empty() || bench.arguments.tool == tool->name) {
      tools.push_back(std::move(tool));
    }
  }
  return tools;
}

ExitCode RunChecks(Bench& bench) {
  const TestArguments& arguments = bench.arguments;
  std::vector<CheckResult> results;
  if (bench.plugin != nullptr) {
    absl::StatusOr<PluginDescription> description =
        AwaitDescription(*bench.plugin, bench.loop, std::string(kPluginUnderTest));
    if (!description.ok()) return Complain(description.status());
    bench.description = *std::move(description);
  }
  const absl::StatusOr<Tools> chosen =
      arguments.paths.empty() ? Described(bench, results) : NamedTools(bench);
  if (!chosen.ok()) return ExitCode::kLintErrors;
  if (chosen->empty() && results.empty()) {
    return Complain(absl::InvalidArgumentError("no tool is to be tested"));
  }
  if (chosen->size() > 1 && !arguments.arguments_json.empty()) {
    return Complain(
        absl::InvalidArgumentError("--arguments goes with one tool; name it by --tool"));
  }
  for (const std::shared_ptr<const Tool>& tool : *chosen) {
    for (CheckResult& result : CheckTool(*tool, bench)) results.push_back(std::move(result));
  }
  Print(results, arguments);
  const bool failed = std::any_of(results.begin(), results.end(), [](const CheckResult& result) {
    return result.verdict == CheckResult::Verdict::kFail;
  });
  return failed ? ExitCode::kLintErrors : ExitCode::kDone;
}

ExitCode RunTest(const TestArguments& arguments) {
  if (arguments.paths.empty() && !arguments.plugin.given()) {
    return Complain(absl::InvalidArgumentError("give manifests, or a plugin"));
  }
  // The log of a scripted downstream is no news; a plugin's is.
  if (!arguments.plugin.given()) SetLogLevel(LogLevel::kError);
  SystemClock clock;
  SystemRandom random;
  EventLoop loop;
  loop.Start();
  Bench bench{.arguments = arguments,
              .loop = loop,
              .clock = clock,
              .random = random,
              .run = absl::StrCat(absl::Hex(random.Next()))};
  std::unique_ptr<PluginExecutor> executor;
  if (arguments.plugin.given()) {
    absl::StatusOr<std::unique_ptr<PluginExecutor>> started =
        StartUnderTest(arguments.plugin, loop, clock, random);
    if (!started.ok()) return Complain(started.status());
    executor = *std::move(started);
    bench.plugin = executor.get();
  }
  const ExitCode code = RunChecks(bench);
  absl::Notification ended;
  loop.Post([&] {
    if (executor != nullptr) executor->Stop();
    ended.Notify();
  });
  ended.WaitForNotification();
  loop.Stop();
  return code;
}

}  // namespace

void AddTestCommand(CLI::App& tools, CommandContext& context) {
  CLI::App* test = tools.add_subcommand(
      "test", "The contract kit: whether tools keep what onetake relies on. Asks no server");
  const auto arguments = std::make_shared<TestArguments>();
  test->add_option("path", arguments->paths, "Manifests, or folders of manifests");
  CLI::Option* command = test->add_option("--command", arguments->plugin.command,
                                          "Start this gRPC plugin: a program and its arguments");
  CLI::Option* address = test->add_option("--address", arguments->plugin.address,
                                          "Call this gRPC plugin, on loopback or unix:PATH");
  CLI::Option* native = test->add_option("--native", arguments->plugin.library,
                                         "Load this native plugin into the kit");
  command->excludes(address)->excludes(native);
  address->excludes(native);
  test->add_option("--settings", arguments->plugin.settings_json,
                   "Settings of the native plugin, as JSON")
      ->needs(native);
  test->add_option(
          "--pass-env", arguments->plugin.pass_env,
          "Variables that the command gets; their values are secrets that it must not echo")
      ->needs(command);
  test->add_flag("--execute-writes", arguments->execute_writes,
                 "Really make the plugin's WRITEs, a few times each");
  test->add_option("--tool", arguments->tool, "Only this tool");
  test->add_option("--arguments", arguments->arguments_json,
                   "Arguments to call it with, as JSON; made up from the schema when absent");
  test->add_flag("--json", arguments->json, "Print the results as a JSON array");
  test->footer(kFooter);
  test->callback(
      [&context, arguments] { context.run = [arguments] { return RunTest(*arguments); }; });
}

}  // namespace onetake
