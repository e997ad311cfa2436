#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/output_options.h"
#include "runtime/ledger/checkpoint_options.h"
#include "runtime/ledger/verify_ledger.h"

namespace onetake {
namespace {

struct VerifyArguments {
  VerifyOptions options{.path = "onetake.db"};
  std::string kept_for = "52560h";
  Output output;
};

std::string TimeText(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

Fields ToFields(const VerifyReport& report) {
  const Finding finding = report.finding.value_or(Finding{});
  return {{"verdict", report.finding.has_value() ? "tampered" : "intact"},
          {"events", absl::StrCat(report.events)},
          {"head_seq", absl::StrCat(report.head.seq)},
          {"head_hash", report.head.hash.ToHex()},
          {"begins_seq", absl::StrCat(report.base.head.seq + 1)},
          {"pruned_by", report.base.event == 0 ? "" : absl::StrCat(report.base.event)},
          {"checkpoints", absl::StrCat(report.checkpoints)},
          {"checkpointed_seq", absl::StrCat(report.checkpointed_seq)},
          {"key_id", report.key_id},
          {"had_checkpoints", report.had_checkpoints ? "true" : "false"},
          {"copied_at", report.copied_at.has_value() ? TimeText(*report.copied_at) : ""},
          {"later_checkpoints", absl::StrCat(report.later_checkpoints)},
          {"bad_seq", report.finding.has_value() ? absl::StrCat(finding.seq) : ""},
          {"how", finding.how},
          {"what", finding.what}};
}

std::string Copy(const VerifyReport& report) {
  if (!report.copied_at.has_value()) return "";
  return absl::StrCat("it is marked as the copy that a backup made at ",
                      TimeText(*report.copied_at), "\n");
}

std::string Beginning(const ChainBase& base) {
  if (base.event == 0) return "";
  return absl::StrCat("it begins with event ", base.head.seq + 1,
                      ": what was before was kept for long enough and removed, as event ",
                      base.event, " says\n");
}

std::string Checkpoints(const VerifyReport& report) {
  if (!report.key_id.empty()) {
    return absl::StrCat(report.checkpoints, " checkpoints signed by key ", report.key_id,
                        ", the last at event ", report.checkpointed_seq, "\n",
                        report.later_checkpoints == 0
                            ? ""
                            : absl::StrCat(report.later_checkpoints,
                                           " more were signed after this copy was made\n"));
  }
  return absl::StrCat(
      "no checkpoints were looked at",
      report.had_checkpoints ? ", and this ledger has had some: there is no file "
                               "beside it, name one with --checkpoints"
                             : "",
      ": an end that was cut off, or a chain that was computed anew, goes unseen\n");
}

std::string Sentence(const VerifyReport& report) {
  if (report.finding.has_value()) {
    return absl::StrCat("TAMPERED: event ", report.finding->seq, ": ", report.finding->how, ": ",
                        report.finding->what, "\n", report.events,
                        " events before it are intact, up to ", report.head.seq, "\n");
  }
  return absl::StrCat("intact: ", report.events, " events, up to ", report.head.seq, " with hash ",
                      report.head.hash.ToHex(), "\n", Beginning(report.base), Copy(report),
                      Checkpoints(report));
}

// Fills in the files that a server keeps beside its ledger, unless others are named. Whoever could
// write the ledger could write them and the key as well; somebody else's copies prove more.
void TakeDefaults(VerifyOptions& options) {
  CheckpointOptions beside;
  beside.TakeNames(options.path);
  std::error_code ignored;
  if (options.checkpoints.empty() && std::filesystem::exists(beside.path, ignored)) {
    options.checkpoints = beside.path;
  }
  if (options.public_key.empty()) options.public_key = beside.key_file + ".pub";
  options.now = absl::Now();
}

ExitCode RunVerify(VerifyArguments& arguments) {
  if (absl::Status status = FindLedger(arguments.options.path); !status.ok()) {
    return Complain(status);
  }
  TakeDefaults(arguments.options);
  absl::ParseDuration(arguments.kept_for, &arguments.options.kept_for);
  const absl::StatusOr<VerifyReport> report = VerifyLedger(arguments.options);
  if (!report.ok()) return Complain(report.status());
  if (arguments.output.format == OutputFormat::kTable) {
    std::cout << Sentence(*report);
  } else {
    PrintFields({ToFields(*report)}, arguments.output);
  }
  return report->finding.has_value() ? ExitCode::kTampered : ExitCode::kDone;
}

}  // namespace

absl::Status FindLedger(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) || error) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(path, " is no file: name the ledger's"));
}

void AddLedgerVerify(CLI::App& ledger, CommandContext& context) {
  CLI::App* verify = ledger.add_subcommand(
      "verify",
      "Check that nothing in the ledger's file was changed, removed, inserted or cut off, and name "
      "the first event that was; needs no server, and the right to read the file and, of a copy, "
      "to write in its folder");
  const auto arguments = std::make_shared<VerifyArguments>();
  verify
      ->add_option("--ledger", arguments->options.path,
                   "The ledger's file, in use or a copy: ledger.path in onetake.yaml")
      ->capture_default_str()
      ->envname("ONETAKE_LEDGER");
  verify
      ->add_option("--from-seq", arguments->options.from_seq,
                   "Begin at this event, and believe what is before")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verify
      ->add_option("--checkpoints", arguments->options.checkpoints,
                   "The file of signed checkpoints: the one beside the ledger, or better a copy "
                   "from elsewhere")
      ->check(CLI::ExistingFile);
  verify
      ->add_option("--public-key", arguments->options.public_key,
                   "PEM file of the key that they must be signed with: "
                   "LEDGER.signing-key.pub, or better a copy from elsewhere")
      ->check(CLI::ExistingFile);
  verify->add_flag("--copy", arguments->options.is_copy,
                   "The file is a copy that a backup made: checkpoints of after that are no "
                   "finding. Not for the ledger itself");
  verify
      ->add_option(
          "--kept-for", arguments->kept_for,
          "retention.skeletons of the server: that something was removed sooner is a finding")
      ->capture_default_str()
      ->check([](const std::string& text) -> std::string {
        absl::Duration kept_for;
        return absl::ParseDuration(text, &kept_for) ? "" : "must be a duration, e.g. 52560h";
      });
  verify->add_flag("!--no-indexes", arguments->options.indexes,
                   "Believe the indexes: quicker, and the WAL of a ledger in use can shrink "
                   "meanwhile; rows that an index hides are not found");
  AddOutputOptions(*verify, arguments->output);
  verify->callback(
      [&context, arguments] { context.run = [arguments] { return RunVerify(*arguments); }; });
}

}  // namespace onetake
