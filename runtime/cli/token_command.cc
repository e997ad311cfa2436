#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "runtime/access/bearer_token.h"
#include "runtime/access/principal.h"
#include "runtime/access/token_file.h"
#include "runtime/base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/output_options.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

constexpr absl::Duration kLongestLife = absl::Hours(24 * 3650);

struct TokenArguments {
  std::string file = "onetake.tokens";
  std::string name, tenant = "default", roles, expires = "90d", id;
  Output output;
};

// Reads "90d", "12h"; nullopt: it is neither, or out of range.
std::optional<absl::Duration> ParseLife(const std::string& text) {
  absl::Duration life;
  int days = 0;
  if (absl::EndsWith(text, "d") && absl::SimpleAtoi(text.substr(0, text.size() - 1), &days)) {
    life = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(text, &life)) {
    return std::nullopt;
  }
  if (life < absl::Minutes(1) || life > kLongestLife) return std::nullopt;
  return life;
}

std::string CheckLife(const std::string& text) {
  return ParseLife(text).has_value() ? "" : "must be a time from 1m to 3650d, such as 90d or 12h";
}

std::string CheckName(const std::string& text) {
  return IsAccessName(text) ? "" : std::string(kAccessNameRule);
}

std::string CheckRoles(const std::string& text) {
  return ParseRoles(text).ok() ? "" : std::string(ParseRoles(text).status().message());
}

absl::Status Revoke(std::vector<TokenRecord>& tokens, const std::string& id, absl::Time now) {
  const auto found = std::find_if(tokens.begin(), tokens.end(),
                                  [&](const TokenRecord& token) { return token.id == id; });
  if (found == tokens.end()) {
    return absl::NotFoundError("no token has this id; `onetake token list` shows them");
  }
  if (!found->revoked_at.has_value()) found->revoked_at = now;
  return absl::OkStatus();
}

// Nobody has the text of a token that could not be printed.
ExitCode TakeBack(const std::string& file, const std::string& id) {
  const absl::Status status = EditTokenFile(
      file, [&](std::vector<TokenRecord>& tokens) { return Revoke(tokens, id, absl::Now()); });
  std::cerr << "token " << id << " could not be printed, and is "
            << (status.ok() ? "revoked" : "good still: onetake token revoke " + id) << "\n";
  return ExitCode::kServerError;
}

ExitCode RunCreate(const TokenArguments& arguments) {
  absl::StatusOr<BearerToken> token = NewBearerToken();
  if (!token.ok()) return Complain(token.status());
  const absl::Time now = absl::Now();
  const TokenRecord record{.id = token->id,
                           .digest = SecretDigest(token->secret),
                           .name = arguments.name,
                           .tenant = arguments.tenant,
                           .roles = *ParseRoles(arguments.roles),
                           .created_at = now,
                           .expires_at = now + *ParseLife(arguments.expires)};
  const absl::Status status = EditTokenFile(arguments.file, [&](std::vector<TokenRecord>& tokens) {
    tokens.push_back(record);
    return absl::OkStatus();
  });
  if (!status.ok()) return Complain(status);
  // The token stands alone on standard output, so that it can go into a file. A pipe that nobody
  // reads must not end this before it is taken back.
  std::signal(SIGPIPE, SIG_IGN);
  std::cout << token->ToText().Reveal() << "\n" << std::flush;
  if (!std::cout.good()) return TakeBack(arguments.file, record.id);
  std::cerr << "token " << record.id << " of " << record.name << ": tenant " << record.tenant
            << ", roles " << record.roles.ToText() << ", until "
            << TimeText(ToTimestamp(record.expires_at), arguments.output.zone)
            << "\nIt is shown this once; " << arguments.file << " keeps its digest only.\n";
  return ExitCode::kDone;
}

ExitCode RunRevoke(const TokenArguments& arguments) {
  const absl::Status status = EditTokenFile(arguments.file, [&](std::vector<TokenRecord>& tokens) {
    return Revoke(tokens, arguments.id, absl::Now());
  });
  if (!status.ok()) return Complain(status);
  std::cerr << "revoked; a running server notices within two seconds\n";
  return ExitCode::kDone;
}

std::string StateOf(const TokenRecord& token, absl::Time now) {
  if (token.revoked_at.has_value()) return "revoked";
  return now >= token.expires_at ? "expired" : "good";
}

ExitCode RunList(const TokenArguments& arguments) {
  const absl::StatusOr<std::vector<TokenRecord>> tokens = ReadTokenFile(arguments.file);
  if (!tokens.ok()) return Complain(tokens.status());
  const absl::TimeZone zone = arguments.output.zone;
  const absl::Time now = absl::Now();
  std::vector<std::vector<std::string>> rows = {
      {"ID", "NAME", "TENANT", "ROLES", "STATE", "EXPIRES"}};
  std::vector<Fields> records;
  for (const TokenRecord& token : *tokens) {
    rows.push_back({token.id, token.name, token.tenant, token.roles.ToText(), StateOf(token, now),
                    TimeText(ToTimestamp(token.expires_at), zone)});
    records.push_back({{"id", token.id},
                       {"name", token.name},
                       {"tenant", token.tenant},
                       {"roles", token.roles.ToText()},
                       {"state", StateOf(token, now)},
                       {"created_at", FieldTime(ToTimestamp(token.created_at), zone)},
                       {"expires_at", FieldTime(ToTimestamp(token.expires_at), zone)}});
  }
  if (arguments.output.format == OutputFormat::kTable) {
    std::cout << Table(rows);
  } else {
    PrintFields(records, arguments.output);
  }
  return ExitCode::kDone;
}

// Adds one command to `token`, with the flags that all three share.
CLI::App* AddOne(CLI::App& token, CommandContext& context, const char* name, const char* help,
                 const std::shared_ptr<TokenArguments>& arguments,
                 ExitCode (*run)(const TokenArguments&)) {
  CLI::App* command = token.add_subcommand(name, help);
  command
      ->add_option("--tokens", arguments->file,
                   "The file of tokens, as access.tokens of onetake.yaml names it")
      ->envname("ONETAKE_TOKENS")
      ->capture_default_str();
  command->callback(
      [&context, arguments, run] { context.run = [arguments, run] { return run(*arguments); }; });
  return command;
}

}  // namespace

void AddTokenCommands(CLI::App& app, CommandContext& context) {
  CLI::App* token = app.add_subcommand(
      "token", "Bearer tokens of a server, in the file that it reads; needs no running server");
  token->require_subcommand(1);
  auto arguments = std::make_shared<TokenArguments>();
  CLI::App* create = AddOne(
      *token, context, "create",
      "Make a token and print it, this once; the file keeps a digest. It goes with a call as the\n"
      "header `authorization: Bearer TOKEN`",
      arguments, RunCreate);
  create->add_option("name", arguments->name, "Who will hold it, e.g. voice-agent")
      ->required()
      ->check(CheckName);
  create
      ->add_option("--roles", arguments->roles,
                   "Some of execute (run tools), audit (ask the ledger), unseal (see values of\n"
                   "arguments and results, with audit) and operate (settle reviews, erase,\n"
                   "measured latency)")
      ->required()
      ->check(CheckRoles);
  create->add_option("--tenant", arguments->tenant, "Whose data it is for")
      ->capture_default_str()
      ->check(CheckName);
  create->add_option("--expires", arguments->expires, "For how long it is good: 1m to 3650d")
      ->capture_default_str()
      ->check(CheckLife);
  arguments = std::make_shared<TokenArguments>();
  CLI::App* revoke =
      AddOne(*token, context, "revoke", "End a token before its time", arguments, RunRevoke);
  revoke->add_option("id", arguments->id, "Its id, as `onetake token list` shows it")->required();
  arguments = std::make_shared<TokenArguments>();
  AddOutputOptions(*AddOne(*token, context, "list", "All tokens and whether they are still good",
                           arguments, RunList),
                   arguments->output);
}

}  // namespace onetake
