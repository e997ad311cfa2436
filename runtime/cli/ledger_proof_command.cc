#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/output_options.h"
#include "runtime/cli/text.h"
#include "runtime/cli/write_file.h"
#include "runtime/ledger/chain_proof.h"
#include "runtime/ledger/checkpoint_options.h"

namespace onetake {
namespace {

struct ProveArguments {
  ProofRequest request{.path = "onetake.db"};
  std::string target;
};

struct CheckArguments {
  std::string proof;
  std::string public_key;
  Output output;
};

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(absl::StrCat(path, ": is a folder, must be a file"));
  }
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

absl::Status WriteAll(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::cout << text << "\n";
    return absl::OkStatus();
  }
  return WriteFile(path, text + "\n");
}

absl::Status RunProve(ProveArguments& arguments) {
  ProofRequest& request = arguments.request;
  if (request.intent_id.empty() && (request.from_seq < 1 || request.to_seq < request.from_seq)) {
    return absl::InvalidArgumentError(
        "name the events: --intent ID, or --from N and --to M with N <= M");
  }
  ONETAKE_RETURN_IF_ERROR(FindLedger(request.path));
  CheckpointOptions beside;
  beside.TakeNames(request.path);
  if (request.checkpoints.empty()) request.checkpoints = beside.path;
  if (request.public_key.empty()) request.public_key = beside.key_file + ".pub";
  ONETAKE_ASSIGN_OR_RETURN(const std::string proof, MakeProof(request));
  return WriteAll(arguments.target, proof);
}

std::string ValueText(const EncodedColumn& column) {
  switch (column.type) {
    case Run::Type::kInt: return absl::StrCat(column.number);
    case Run::Type::kBlob: return absl::BytesToHexString(column.bytes);
    default: return column.bytes;
  }
}

// Every event has the same names, also for columns that are NULL in some.
Fields ToFields(const ProvedEvent& event) {
  Fields fields = {{"seq", absl::StrCat(event.seq)}};
  for (const char* name :
       {"at", "tenant", "intent_row", "call_row", "intent_id", "generation", "tool", "session_id",
        "kind", "from_state", "to_state", "rule", "actor", "evidence", "digests"}) {
    std::string& text = fields.emplace_back(name, "").second;
    for (const EncodedColumn& column : event.columns) {
      if (column.name == name) text = ValueText(column);
    }
  }
  return fields;
}

void PrintEvents(const Proof& proof) {
  std::cout << "proved: " << proof.events.size() << " events of ledger "
            << Printable(proof.checkpoint.instance) << ", by the checkpoint of "
            << Printable(proof.checkpoint.at) << " at event " << proof.checkpoint.head.seq << "\n";
  for (const ProvedEvent& event : proof.events) {
    std::cout << "\nevent " << event.seq << "\n";
    for (const EncodedColumn& column : event.columns) {
      std::cout << "  " << Printable(column.name) << ": " << Printable(ValueText(column)) << "\n";
    }
  }
}

ExitCode RunCheck(const CheckArguments& arguments) {
  const absl::StatusOr<std::string> json = ReadAll(arguments.proof);
  if (!json.ok()) return Complain(json.status());
  const absl::StatusOr<VerifyingKey> key = VerifyingKey::Load(arguments.public_key);
  if (!key.ok()) return Complain(key.status());
  const absl::StatusOr<Proof> proof = CheckProof(*json, *key);
  if (absl::IsDataLoss(proof.status())) {
    std::cout << "NOT PROVED: " << proof.status().message() << "\n";
    return ExitCode::kTampered;
  }
  if (!proof.ok()) return Complain(proof.status());
  if (arguments.output.format == OutputFormat::kTable) {
    PrintEvents(*proof);
    return ExitCode::kDone;
  }
  std::vector<Fields> records;
  for (const ProvedEvent& event : proof->events) records.push_back(ToFields(event));
  PrintFields(records, arguments.output);
  return ExitCode::kDone;
}

void AddProve(CLI::App& ledger, CommandContext& context) {
  CLI::App* prove = ledger.add_subcommand(
      "prove",
      "Write a proof that some events are in the ledger, for somebody who has only the public key; "
      "it shows these events whole and nothing of others; needs no server");
  const auto arguments = std::make_shared<ProveArguments>();
  ProofRequest& request = arguments->request;
  prove->add_option("file", arguments->target, "The proof, as JSON; - for standard output")
      ->required();
  prove->add_option("--ledger", request.path, "The ledger's file: ledger.path in onetake.yaml")
      ->capture_default_str()
      ->envname("ONETAKE_LEDGER");
  prove->add_option("--intent", request.intent_id, "All events about this intent (its whole id)");
  prove->add_option("--from", request.from_seq, "Or all events from this one");
  prove->add_option("--to", request.to_seq, "to that one");
  prove->add_option("--checkpoints", request.checkpoints, "Default: LEDGER.checkpoints");
  prove->add_option("--public-key", request.public_key, "Default: LEDGER.signing-key.pub");
  prove->callback([&context, arguments] {
    context.run = [arguments] {
      const absl::Status status = RunProve(*arguments);
      return status.ok() ? ExitCode::kDone : Complain(status);
    };
  });
}

void AddCheck(CLI::App& ledger, CommandContext& context) {
  CLI::App* check = ledger.add_subcommand(
      "check-proof", "Check a proof, and show what it proves; needs no server and no ledger");
  const auto arguments = std::make_shared<CheckArguments>();
  check->add_option("file", arguments->proof, "The proof")->required();
  check
      ->add_option("--public-key", arguments->public_key,
                   "PEM file of the key that the ledger's checkpoints are signed with")
      ->required();
  AddOutputOptions(*check, arguments->output);
  check->callback(
      [&context, arguments] { context.run = [arguments] { return RunCheck(*arguments); }; });
}

}  // namespace

void AddLedgerProof(CLI::App& ledger, CommandContext& context) {
  AddProve(ledger, context);
  AddCheck(ledger, context);
}

}  // namespace onetake
