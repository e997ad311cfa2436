#include "runtime/cli/test_command.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/limits.h"
#include "runtime/base/system_clock.h"
#include "runtime/catalog/catalog.h"
#include "runtime/cli/text.h"
#include "runtime/json/json.h"
#include "tools/kit/example_arguments.h"
#include "tools/kit/http_checks.h"

namespace onetake {
namespace {

namespace fs = std::filesystem;

struct TestArguments {
  std::vector<std::string> paths;
  std::string arguments_json;
  std::string tool;
  bool json = false;
};

constexpr char kFooter[] =
    "HTTP tools run against a scripted downstream on this machine: their own is never called and\n"
    "their secrets are not read. PATH is a manifest or a folder of manifests.\n"
    "\n"
    "Exit codes: 0 every check passed or was skipped, 1 usage, 8 a check failed or a manifest has\n"
    "errors.";

// The manifests named, and those beside them that they may name.
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

std::vector<CheckResult> CheckTool(const Tool& tool, const std::string& given, EventLoop& loop,
                                   const Clock& clock) {
  CheckList list(tool.name);
  const absl::StatusOr<Json> arguments = ArgumentsFor(tool, given);
  if (!arguments.ok()) {
    list.Fail("arguments",
              absl::StrCat(std::string(arguments.status().message()), " (--arguments JSON)"));
    return list.Take();
  }
  if (tool.http.has_value()) return CheckHttpTool(tool, *arguments, loop, clock);
  list.Skip("executor", "this kind of tool is tested by its plugin");
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

ExitCode RunTest(const TestArguments& arguments) {
  const Named named = NamedBy(arguments.paths);
  const Catalog catalog = LoadCatalog(named.folders, ProcessEnvironment());
  if (catalog.tools == nullptr) {
    std::cerr << FormatDiagnostics(catalog.diagnostics);
    return ExitCode::kLintErrors;
  }
  const auto chosen = Chosen(*catalog.tools, named, arguments.tool);
  if (chosen.empty()) {
    return Complain(absl::InvalidArgumentError("no tool of these manifests is to be tested"));
  }
  if (chosen.size() > 1 && !arguments.arguments_json.empty()) {
    return Complain(
        absl::InvalidArgumentError("--arguments goes with one tool; name it by --tool"));
  }
  SystemClock clock;
  EventLoop loop;
  loop.Start();
  std::vector<CheckResult> results;
  for (const std::shared_ptr<const Tool>& tool : chosen) {
    for (CheckResult& result : CheckTool(*tool, arguments.arguments_json, loop, clock)) {
      results.push_back(std::move(result));
    }
  }
  loop.Stop();
  Print(results, arguments);
  const bool failed = std::any_of(results.begin(), results.end(), [](const CheckResult& result) {
    return result.verdict == CheckResult::Verdict::kFail;
  });
  return failed ? ExitCode::kLintErrors : ExitCode::kDone;
}

}  // namespace

void AddTestCommand(CLI::App& tools, CommandContext& context) {
  CLI::App* test = tools.add_subcommand(
      "test", "The contract kit: whether tools keep what onetake relies on. Asks no server");
  const auto arguments = std::make_shared<TestArguments>();
  test->add_option("path", arguments->paths, "Manifests, or folders of manifests")->required();
  test->add_option("--tool", arguments->tool, "Only this tool");
  test->add_option("--arguments", arguments->arguments_json,
                   "Arguments to call it with, as JSON; made up from the schema when absent");
  test->add_flag("--json", arguments->json, "Print the results as a JSON array");
  test->footer(kFooter);
  test->callback(
      [&context, arguments] { context.run = [arguments] { return RunTest(*arguments); }; });
}

}  // namespace onetake
