#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

struct EraseArguments {
  v1::EraseRequest request;
  std::string subject;  // NAME=VALUE
  bool json = false;
};

std::string Sentences(const v1::EraseResponse& result) {
  std::string text = absl::StrCat("erased: ", result.erased(),
                                  result.erased() == 1 ? " generation\n" : " generations\n");
  if (result.calls() > 0) {
    absl::StrAppend(
        &text, "attributes erased of calls without an intent of theirs: ", result.calls(), "\n");
  }
  if (result.gone() > 0) {
    absl::StrAppend(&text, "were erased or had aged before: ", result.gone(), "\n");
  }
  if (result.unsettled() > 0) {
    absl::StrAppend(&text, "NOT erased, their outcome is not known yet: ", result.unsettled(),
                    "; erase again when they are settled\n");
  }
  if (result.plain() > 0) {
    absl::StrAppend(&text,
                    "erased but for errors and evidence, as they were recorded while sealing ",
                    "was off: ", result.plain(), "\n");
  }
  if (result.held() > 0) {
    absl::StrAppend(&text, "NOT erased, they are on legal hold: ", result.held(), "\n");
  }
  return text;
}

ExitCode RunErase(const CommandContext& context, EraseArguments& arguments) {
  if (!arguments.subject.empty()) {
    const size_t equals = arguments.subject.find('=');
    arguments.request.set_attribute(arguments.subject.substr(0, equals));
    arguments.request.set_value(arguments.subject.substr(equals + 1));
  }
  Client client(context.server);
  if (!arguments.request.intent_id().empty()) {
    absl::StatusOr<std::string> id = WholeId(client, arguments.request.intent_id());
    if (!id.ok()) return Complain(id.status());
    arguments.request.set_intent_id(*std::move(id));
  }
  const absl::StatusOr<v1::EraseResponse> result = client.Erase(arguments.request);
  if (!result.ok()) return Complain(result.status());
  std::cout << (arguments.json ? ToJson(*result) + "\n" : Sentences(*result));
  const bool left = result->unsettled() > 0 || result->plain() > 0 || result->held() > 0;
  return left ? ExitCode::kOpen : ExitCode::kDone;
}

}  // namespace

void AddLedgerErase(CLI::App& ledger, CommandContext& context) {
  CLI::App* erase = ledger.add_subcommand(
      "erase",
      "Destroy what the ledger holds of a person, a conversation or an intent; that it happened "
      "stays");
  const auto arguments = std::make_shared<EraseArguments>();
  v1::EraseRequest& request = arguments->request;
  CLI::Option_group* what = erase->add_option_group("what", "What is erased");
  what->add_option("--intent", *request.mutable_intent_id(),
                   "An intent with all its generations: its id, or how that begins");
  what->add_option("--session", *request.mutable_session_id(),
                   "A conversation: its calls, and every intent that it opened");
  what->add_option("--subject", arguments->subject,
                   "NAME=VALUE: every call with this attribute and its intent; NAME must be one of "
                   "ledger.indexed_attributes")
      ->check([](const std::string& text) {
        const size_t equals = text.find('=');
        const bool whole = equals != 0 && equals != std::string::npos && equals + 1 < text.size();
        return whole ? std::string() : std::string("must be NAME=VALUE");
      });
  what->require_option(1);
  erase->add_option("--by", *request.mutable_by(), "Who erases it")->required();
  erase
      ->add_option("--reason", *request.mutable_reason(),
                   "Why; kept in clear for good, and no erasure takes it away: do not name the "
                   "person in it, but a case number")
      ->required();
  erase->add_flag("--json", arguments->json, "Print the EraseResponse as JSON");
  erase->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunErase(context, *arguments); };
  });
}

}  // namespace onetake
