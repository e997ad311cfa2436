#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/text.h"
#include "runtime/cli/timeline.h"

namespace onetake {
namespace {

constexpr int kPage = 500;

struct ReviewListArguments {
  bool json = false;
};

struct ResolveArguments {
  v1::ResolveIntentRequest request;
  bool applied = false;
  bool not_applied = false;
  bool json = false;
};

ExitCode RunList(const CommandContext& context, const ReviewListArguments& arguments) {
  Client client(context.server);
  v1::ListIntentsRequest request;
  request.set_review_only(true);
  request.set_page_size(kPage);
  v1::ListIntentsResponse all;
  do {
    absl::StatusOr<v1::ListIntentsResponse> page = client.ListIntents(request);
    if (!page.ok()) return Complain(page.status());
    request.set_page_token(page->next_page_token());
    all.MergeFrom(*page);
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  SortByWaiting(all);  // the pages are in the order of the claims
  if (arguments.json) {
    std::cout << ToJson(all) << "\n";
  } else if (all.intents_size() == 0) {
    std::cout << "nothing waits for a person\n";
  } else {
    std::cout << RenderReviews(all, absl::Now());
  }
  return ExitCode::kDone;
}

ExitCode RunResolve(const CommandContext& context, ResolveArguments& arguments) {
  v1::ResolveIntentRequest& request = arguments.request;
  request.set_verdict(arguments.applied ? v1::VERDICT_APPLIED : v1::VERDICT_NOT_APPLIED);
  Client client(context.server);
  absl::StatusOr<std::string> id = WholeId(client, request.intent_id());
  if (!id.ok()) return Complain(id.status());
  request.set_intent_id(*std::move(id));
  const absl::StatusOr<v1::ResolveIntentResponse> resolved = client.ResolveIntent(request);
  if (!resolved.ok()) return Complain(resolved.status());
  const v1::IntentSummary& intent = resolved->intent();
  std::cout << (arguments.json ? ToJson(*resolved) : RenderVerdict(intent)) << "\n";
  return intent.has_review_at() ? ExitCode::kNeedsReview : ExitCode::kDone;
}

void AddResolve(CLI::App& review, CommandContext& context) {
  CLI::App* resolve = review.add_subcommand(
      "resolve", "Decide what became of a write; recorded with who, when and why");
  const auto arguments = std::make_shared<ResolveArguments>();
  v1::ResolveIntentRequest& request = arguments->request;
  resolve
      ->add_option("id", *request.mutable_intent_id(),
                   "The intent's id, or the beginning of it (4 characters or more)")
      ->required();
  CLI::Option_group* verdict = resolve->add_option_group("verdict", "What was found");
  verdict->add_flag("--applied", arguments->applied, "It took effect");
  verdict->add_flag("--not-applied", arguments->not_applied,
                    "It did not: the next call may do it again");
  verdict->require_option(1);
  resolve->add_option("--evidence", *request.mutable_evidence(), "How that is known")->required();
  resolve->add_option("--by", *request.mutable_by(), "Who decides")->required();
  resolve->add_option("--result", *request.mutable_result_json(),
                      "With --applied: what the tool would have answered, as JSON; needed where "
                      "another tool undoes it by its result");
  resolve
      ->add_option_function<int>(
          "--generation", [&request](int generation) { request.set_generation(generation); },
          "Which generation; the latest when not given")
      ->check(CLI::Range(1, 1'000'000));
  resolve->add_flag("--json", arguments->json, "Print the ResolveIntentResponse as JSON");
  resolve->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunResolve(context, *arguments); };
  });
}

}  // namespace

void AddReviewCommands(CLI::App& app, CommandContext& context) {
  CLI::App* review = app.add_subcommand("review", "What only a person can settle");
  review->require_subcommand(1);

  CLI::App* list = review->add_subcommand("list", "What waits for a person, longest first");
  const auto list_arguments = std::make_shared<ReviewListArguments>();
  list->add_flag("--json", list_arguments->json, "Print a ListIntentsResponse as JSON");
  list->callback([&context, list_arguments] {
    context.run = [&context, list_arguments] { return RunList(context, *list_arguments); };
  });

  AddShowIntent(*review, "One intent and what happened to it, in order", context);
  AddResolve(*review, context);
}

}  // namespace onetake
