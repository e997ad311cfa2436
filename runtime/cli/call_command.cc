#include <iostream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/base/limits.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/text.h"
#include "runtime/cli/timeline.h"

namespace onetake {
namespace {

// How long after the end of patience a call is given up: by then the server, which answers at that
// end, has forgotten us.
constexpr absl::Duration kAnswerSlack = absl::Seconds(10);

struct CallArguments {
  v1::ExecuteRequest request;
  std::vector<std::string> attributes;
  std::string patience;
  bool json = false;
};

struct AwaitArguments {
  v1::AwaitRequest request;
  std::string patience;
  bool json = false;
};

ExitCode Show(const absl::StatusOr<v1::ExecuteResponse>& answer, bool json) {
  if (!answer.ok()) return ComplainOfCall(answer.status());
  std::cout << (json ? ToJson(*answer) + "\n" : RenderAnswer(*answer));
  return ExitCodeOf(answer->disposition());
}

absl::Duration TimeoutOf(bool has_patience, int64_t patience_ms) {
  return (has_patience ? absl::Milliseconds(patience_ms) : limits::kMaxPatience) + kAnswerSlack;
}

ExitCode RunCall(const CommandContext& context, CallArguments& arguments) {
  v1::ExecuteRequest& request = arguments.request;
  if (request.arguments_json() == "-") {
    request.set_arguments_json(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  }
  for (const std::string& entry : arguments.attributes) {
    const size_t equals = entry.find('=');
    (*request.mutable_attributes())[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  if (!arguments.patience.empty()) {
    request.set_patience_ms(absl::ToInt64Milliseconds(ParsePatience(arguments.patience)));
  }
  Client client(context.server);
  return Show(client.Execute(request, TimeoutOf(request.has_patience_ms(), request.patience_ms())),
              arguments.json);
}

ExitCode RunAwait(const CommandContext& context, AwaitArguments& arguments) {
  v1::AwaitRequest& request = arguments.request;
  if (!arguments.patience.empty()) {
    request.set_patience_ms(absl::ToInt64Milliseconds(ParsePatience(arguments.patience)));
  }
  Client client(context.server);
  absl::StatusOr<std::string> id = WholeId(client, request.intent_id());
  if (!id.ok()) return Complain(id.status());
  request.set_intent_id(*std::move(id));
  return Show(client.Await(request, TimeoutOf(request.has_patience_ms(), request.patience_ms())),
              arguments.json);
}

std::string CheckAttribute(const std::string& text) {
  const size_t equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? "must be NAME=VALUE" : "";
}

void AddCall(CLI::App& app, CommandContext& context) {
  CLI::App* call =
      app.add_subcommand("call", "Execute one tool call and show what it was answered");
  const auto arguments = std::make_shared<CallArguments>();
  v1::ExecuteRequest& request = arguments->request;
  call->add_option("tool", *request.mutable_tool(), "Name of the tool")->required();
  call->add_option("arguments", *request.mutable_arguments_json(),
                   "Arguments as a JSON object; - reads them from standard input. Default {}");
  call->add_option("--session", *request.mutable_session_id(),
                   "The conversation; required by tools whose intent is scoped to it");
  call->add_option("--tool-call-id", *request.mutable_tool_call_id(),
                   "The model's id of this call");
  call->add_option("--turn", *request.mutable_turn_id(), "The user's turn the call belongs to");
  call->add_option("--intent-id", *request.mutable_intent_id(),
                   "Names the intent, instead of the tool's identity arguments");
  call->add_option_function<int>(
          "--occurrence", [&request](int value) { request.set_occurrence(value); },
          "Which wish for the very same thing this is; above 0 it needs --turn")
      ->check(CLI::Range(0, limits::kMaxOccurrence));
  call->add_option("--attribute", arguments->attributes,
                   "A fact about the conversation, NAME=VALUE; may be repeated")
      ->check(CheckAttribute);
  call->add_option("--confirm", *request.mutable_confirm_token(),
                   "The token of a NEEDS_CONFIRMATION that the user has said yes to");
  call->add_option("--patience", arguments->patience,
                   "How long to wait for the outcome, e.g. 4s. Default: the tool's")
      ->check(CheckPatience);
  call->add_flag("--json", arguments->json, "Print the ExecuteResponse as JSON");
  call->footer(kExitCodeHelp);
  call->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunCall(context, *arguments); };
  });
}

void AddAwait(CLI::App& app, CommandContext& context) {
  CLI::App* await = app.add_subcommand("await", "Wait for an intent to settle; sends nothing");
  const auto arguments = std::make_shared<AwaitArguments>();
  v1::AwaitRequest& request = arguments->request;
  await
      ->add_option("intent", *request.mutable_intent_id(),
                   "The intent's id; or how it begins (4 characters or more), with the role audit")
      ->required();
  await
      ->add_option_function<int>(
          "--generation", [&request](int value) { request.set_generation(value); },
          "Which life of the intent. Default: the latest")
      ->check(CLI::PositiveNumber);
  await->add_option("--patience", arguments->patience, "How long to wait. Default 5m")
      ->check(CheckPatience);
  await->add_flag("--json", arguments->json, "Print the ExecuteResponse as JSON");
  await->footer(kExitCodeHelp);
  await->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunAwait(context, *arguments); };
  });
}

}  // namespace

void AddCallCommands(CLI::App& app, CommandContext& context) {
  AddCall(app, context);
  AddAwait(app, context);
}

}  // namespace onetake
