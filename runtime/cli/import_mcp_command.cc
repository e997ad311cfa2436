#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/base/system_clock.h"
#include "runtime/catalog/url.h"
#include "runtime/catalog/yaml_json.h"
#include "runtime/cli/import_command.h"
#include "runtime/cli/text.h"
#include "runtime/cli/write_file.h"
#include "tools/mcp/mcp_import.h"
#include "tools/mcp/mcp_servers.h"

namespace onetake {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr char kModern[] = "2026-07-28";
constexpr char kLegacy[] = "legacy";

struct McpImportArguments {
  std::string url;
  std::vector<std::string> allow_networks;
  std::string command;
  std::vector<std::string> pass_env;
  std::vector<std::string> header_env;
  std::string era = "auto";
  std::string server;
  std::string folder = "tools.d";
  bool accept = false;
  bool force = false;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::StatusOr<McpServerSpec> CommandSpecOf(const McpImportArguments& arguments,
                                            McpServerSpec spec) {
  spec.kind = McpServerSpec::Kind::kCommand;
  spec.command = absl::StrSplit(arguments.command, ' ', absl::SkipEmpty());
  for (const std::string& name : arguments.pass_env) {
    if (std::getenv(name.c_str()) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("--pass-env: ", name, " is not set"));
    }
    spec.environment.push_back({.name = name, .text = "", .secret = SecretRef{.name = name}});
  }
  return spec;
}

absl::StatusOr<McpServerSpec> SpecOf(const McpImportArguments& arguments) {
  McpServerSpec spec{.name = arguments.server};
  if (arguments.era == kModern) spec.era = McpServerSpec::Era::kModern;
  if (arguments.era == kLegacy) spec.era = McpServerSpec::Era::kLegacy;
  if (!arguments.command.empty()) return CommandSpecOf(arguments, std::move(spec));
  ONETAKE_ASSIGN_OR_RETURN(const HttpUrl url, ParseHttpUrl(arguments.url));
  for (const std::string& text : arguments.allow_networks) {
    ONETAKE_ASSIGN_OR_RETURN(const std::vector<IpNetwork> networks, ParseAllowedNetwork(text));
    spec.allow_networks.insert(spec.allow_networks.end(), networks.begin(), networks.end());
  }
  ONETAKE_RETURN_IF_ERROR(CheckEgress(url, spec.allow_networks));
  spec.url = url.origin + url.path;
  for (const std::string& text : arguments.header_env) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError("--header-env: must be NAME=VARIABLE");
    }
    spec.headers.push_back(
        {.name = text.substr(0, equals), .secret = SecretRef{.name = text.substr(equals + 1)}});
  }
  return spec;
}

absl::StatusOr<McpClient::Tools> AskServer(const McpServerSpec& spec) {
  SystemClock clock;
  SystemRandom random;
  EventLoop loop;
  const std::unique_ptr<McpClient> client = MakeMcpClient(spec, loop, clock, random, {});
  absl::StatusOr<McpClient::Tools> tools = absl::UnavailableError("the server did not answer");
  absl::Notification done;
  loop.Post([&] {
    client->ListTools(kTimeout, [&](absl::StatusOr<McpClient::Tools> listed) {
      tools = std::move(listed);
      done.Notify();
    });
  });
  loop.Start();
  done.WaitForNotification();
  loop.Stop();
  return tools;
}

// The manifest in a tool's place is of another one.
constexpr char kInTheWay[] = "in the way";

// What became of one proposal.
struct Outcome {
  std::string
      word;  // "proposed", "draft", "unchanged", "changed", "accepted", "refused", kInTheWay
  std::vector<std::string> details;
};

// One that a person has to finish is put where nothing loads it: a catalog is loaded whole or not
// at all.
absl::StatusOr<Outcome> Propose(const McpProposal& proposal, const std::string& yaml,
                                const std::string& json) {
  const std::string place = proposal.is_draft ? yaml + ".draft" : yaml;
  ONETAKE_RETURN_IF_ERROR(WriteFile(place, proposal.manifest));
  ONETAKE_RETURN_IF_ERROR(WriteFile(json, proposal.reviewed.dump(2) + "\n"));
  return Outcome{proposal.is_draft ? "draft" : "proposed", proposal.notes};
}

// Returns `text` with `digest` in the place of mcp.reviewed. The same words may stand in comments
// and descriptions too, so the place is the one that changes nothing else of the manifest.
absl::StatusOr<std::string> WithReviewed(const std::string& text, const Json& manifest,
                                         const std::string& digest) {
  const Json reviewed = manifest["mcp"].value("reviewed", Json());
  const std::string old = reviewed.is_string() ? reviewed.get<std::string>() : "";
  Json wanted = manifest;
  wanted["mcp"]["reviewed"] = digest;
  for (size_t at = old.empty() ? std::string::npos : text.find(old); at != std::string::npos;
       at = text.find(old, at + 1)) {
    std::string updated = text;
    updated.replace(at, old.size(), digest);
    const absl::StatusOr<Json> read = JsonFromYaml(updated, YamlLimits{});
    if (read.ok() && *read == wanted) return updated;
  }
  return absl::FailedPreconditionError("has no `reviewed: sha256:...`");
}

// Compares with the manifest that is there already: its author's words stay, only what was reviewed
// may be replaced.
absl::StatusOr<Outcome> Compare(const McpProposal& proposal, const std::string& yaml,
                                const Json& manifest, const std::string& json, bool accept) {
  if (manifest["mcp"].value("reviewed", Json()) == Json(proposal.digest)) {
    return Outcome{"unchanged", {}};
  }
  const Json before = Json::parse(ReadFile(json), nullptr, /*allow_exceptions=*/false);
  Outcome outcome{"changed", {}};
  if (before.is_discarded()) {
    outcome.details.push_back("what was reviewed is not there any more: " + json);
  } else {
    outcome.details = ReviewDifferences(before, proposal.reviewed);
  }
  if (!accept) return outcome;
  const absl::StatusOr<std::string> updated =
      WithReviewed(ReadFile(yaml), manifest, proposal.digest);
  if (!updated.ok()) return Annotate(updated.status(), yaml);
  ONETAKE_RETURN_IF_ERROR(WriteFile(yaml, *updated));
  ONETAKE_RETURN_IF_ERROR(WriteFile(json, proposal.reviewed.dump(2) + "\n"));
  outcome.word = "accepted";
  return outcome;
}

// Whose manifest the file is, when it is not this tool's; empty when it is. What of the environment
// would be put in counts as it stands.
std::string OfAnother(const absl::StatusOr<Json>& manifest, const std::string& yaml,
                      const std::string& server, const std::string& tool) {
  if (!manifest.ok()) {
    return absl::StrCat(yaml, " cannot be read: ", std::string(manifest.status().message()));
  }
  if (!manifest->is_object()) return absl::StrCat(yaml, " is no manifest");
  const Json mcp = manifest->value("mcp", Json::object());
  if (!mcp.is_object() || mcp.empty()) return absl::StrCat(yaml, " is of no MCP server");
  const Json its_server = mcp.value("server", Json());
  const Json its_tool = mcp.value("tool", manifest->value("name", Json()));
  if (its_server == Json(server) && its_tool == Json(tool)) return "";
  const auto shown = [](const Json& name) {
    return name.is_string() ? name.get<std::string>() : std::string("nobody");
  };
  return absl::StrCat(yaml, " is of mcp.server ", shown(its_server), ", tool ", shown(its_tool));
}

absl::StatusOr<Outcome> Treat(const McpProposal& proposal, const McpImportArguments& arguments) {
  if (!proposal.refused.empty()) return Outcome{"refused", {proposal.refused}};
  const std::string stem = absl::StrCat(arguments.folder, "/", proposal.name);
  const std::string yaml = stem + ".yaml";
  const std::string json = stem + ".mcp.json";
  if (arguments.force) return Propose(proposal, yaml, json);
  if (!std::filesystem::exists(yaml)) {
    const bool is_begun = proposal.is_draft && std::filesystem::exists(yaml + ".draft");
    return is_begun ? Outcome{"draft", {"left as it is"}} : Propose(proposal, yaml, json);
  }
  const absl::StatusOr<Json> manifest = JsonFromYaml(ReadFile(yaml), YamlLimits{});
  const std::string other = OfAnother(manifest, yaml, arguments.server, proposal.tool);
  if (!other.empty()) {
    return Outcome{kInTheWay, {other, "give that one another name, or take another folder"}};
  }
  return Compare(proposal, yaml, *manifest, json, arguments.accept);
}

ExitCode RunMcpImport(const McpImportArguments& arguments) {
  SetLogLevel(LogLevel::kError);
  // A program that ends while it is written to must give an answer, not end us.
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return Complain(absl::InternalError("no SIGPIPE"));
  const absl::StatusOr<McpServerSpec> spec = SpecOf(arguments);
  if (!spec.ok()) return Complain(spec.status());
  const absl::StatusOr<McpClient::Tools> tools = AskServer(*spec);
  if (!tools.ok()) return Complain(Annotate(tools.status(), arguments.server));
  std::error_code ignored;  // writing the first file says it
  std::filesystem::create_directories(arguments.folder, ignored);
  std::vector<std::vector<std::string>> rows = {{"TOOL", "EFFECT", "MANIFEST", ""}};
  bool changed = false;
  bool in_the_way = false;
  for (const McpProposal& proposal : ProposeMcpTools(arguments.server, *tools)) {
    const absl::StatusOr<Outcome> outcome = Treat(proposal, arguments);
    if (!outcome.ok()) return Complain(outcome.status());
    rows.push_back({Printable(proposal.tool), proposal.effect, outcome->word, ""});
    for (const std::string& line : outcome->details) rows.push_back({"", "", "", Printable(line)});
    changed = changed || outcome->word == "changed";
    in_the_way = in_the_way || outcome->word == kInTheWay;
  }
  std::cout << Table(rows);
  if (!changed) return in_the_way ? ExitCode::kNoEffect : ExitCode::kDone;
  std::cout << "Calls of what changed are refused. Look at the differences, adapt the manifests, "
               "then run this again with --accept.\n";
  return ExitCode::kNoEffect;
}

}  // namespace

void AddMcpImport(CLI::App& import, CommandContext& context) {
  CLI::App* mcp = import.add_subcommand(
      "mcp", "The tools of a Model Context Protocol server; asks that server for its list");
  const auto arguments = std::make_shared<McpImportArguments>();
  auto* url = mcp->add_option("--url", arguments->url, "Its endpoint: https://...");
  auto* command = mcp->add_option("--command", arguments->command,
                                  "Instead: the program that serves over stdio, words apart");
  url->excludes(command);
  mcp->add_option("--pass-env", arguments->pass_env,
                  "Variables that the program gets, besides PATH, HOME, LANG, TZ and TMPDIR")
      ->needs(command);
  mcp->add_option("--era", arguments->era,
                  "How the server is spoken to; legacy is for what ends when it is asked for its "
                  "versions")
      ->check(CLI::IsMember({"auto", kModern, kLegacy}))
      ->capture_default_str();
  mcp->add_option("--header-env", arguments->header_env,
                  "Header whose value stands in an environment variable: Authorization=CRM_AUTH");
  mcp->add_option("--allow-network", arguments->allow_networks,
                  "A network that it may be in besides the public ones: 10.0.0.0/8, private");
  mcp->add_option("--server", arguments->server, "Its name under mcp_servers of onetake.yaml")
      ->required();
  mcp->add_option("--out", arguments->folder, "Folder to write to")->capture_default_str();
  mcp->add_flag("--accept", arguments->accept,
                "Take the server's present definitions as reviewed; the manifests stay otherwise");
  mcp->add_flag("--force", arguments->force, "Overwrite manifests that are there already");
  mcp->footer(
      "Exit codes: 0 all is proposed or as it was reviewed, 3 something changed and was not "
      "accepted, or another manifest is in the way.");
  mcp->callback([&context, arguments] {
    context.run = [arguments] {
      if (arguments->url.empty() == arguments->command.empty()) {
        return Complain(absl::InvalidArgumentError("give one of --url and --command"));
      }
      return RunMcpImport(*arguments);
    };
  });
}

}  // namespace onetake
