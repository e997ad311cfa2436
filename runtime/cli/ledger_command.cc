#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/text.h"
#include "runtime/cli/timeline.h"

namespace onetake {
namespace {

constexpr int kPage = 500;
constexpr absl::Duration kFollowInterval = absl::Milliseconds(500);

struct ListArguments {
  v1::ListIntentsRequest request;
  std::string state;
  std::string since;
  std::string until;
  bool held_back = false;
  int limit = 50;
  bool json = false;
};

struct ShowArguments {
  v1::GetIntentRequest request;
  bool json = false;
};

struct TailArguments {
  v1::ListEventsRequest request;
  int count = 20;
  bool follow = false;
  bool json = false;
};

void SetTime(const std::string& text, google::protobuf::Timestamp& timestamp) {
  const absl::Time time = ParseTime(text, absl::Now());
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  timestamp.set_nanos(static_cast<int32_t>((time - absl::FromUnixSeconds(timestamp.seconds())) /
                                           absl::Nanoseconds(1)));
}

ExitCode RunList(const CommandContext& context, ListArguments& arguments) {
  v1::ListIntentsRequest& request = arguments.request;
  v1::IntentState state = v1::INTENT_STATE_UNSPECIFIED;
  if (!arguments.state.empty()) {
    v1::IntentState_Parse(absl::StrCat("INTENT_STATE_", arguments.state), &state);
  }
  request.set_state(state);
  request.set_held_back_only(arguments.held_back);
  if (!arguments.since.empty()) SetTime(arguments.since, *request.mutable_created_after());
  if (!arguments.until.empty()) SetTime(arguments.until, *request.mutable_created_before());
  Client client(context.server);
  v1::ListIntentsResponse all;
  do {
    request.set_page_size(std::min(kPage, arguments.limit - all.intents_size()));
    absl::StatusOr<v1::ListIntentsResponse> page = client.ListIntents(request);
    if (!page.ok()) return Complain(page.status());
    request.set_page_token(page->next_page_token());
    all.MergeFrom(*page);
  } while (!request.page_token().empty() && all.intents_size() < arguments.limit);
  all.set_next_page_token(request.page_token());
  std::cout << (arguments.json ? ToJson(all) + "\n" : RenderIntents(all));
  if (!arguments.json && !all.next_page_token().empty()) {
    std::cout << "... and more: raise --limit or narrow the filters\n";
  }
  return ExitCode::kDone;
}

ExitCode RunShow(const CommandContext& context, const ShowArguments& arguments) {
  Client client(context.server);
  const absl::StatusOr<v1::GetIntentResponse> intent = client.GetIntent(arguments.request);
  if (!intent.ok()) return Complain(intent.status());
  std::cout << (arguments.json ? ToJson(*intent) + "\n" : RenderIntent(*intent));
  return ExitCode::kDone;
}

ExitCode RunTail(const CommandContext& context, TailArguments& arguments) {
  Client client(context.server);
  v1::ListEventsRequest& request = arguments.request;
  request.set_newest(true);
  request.set_page_size(arguments.count);
  while (true) {
    const absl::StatusOr<v1::ListEventsResponse> page = client.ListEvents(request);
    if (!page.ok()) return Complain(page.status());
    for (const v1::EventRecord& event : page->events()) {
      std::cout << (arguments.json ? ToJson(event) : RenderEvent(event)) << "\n";
      request.set_after_seq(event.seq());
    }
    std::cout.flush();
    if (!arguments.follow || !std::cout.good()) return ExitCode::kDone;
    // Whatever matched the filter is behind us; without any match there was nothing to be last.
    request.set_newest(false);
    request.set_page_size(kPage);
    if (page->events_size() < kPage) absl::SleepFor(kFollowInterval);
  }
}

void AddList(CLI::App& ledger, CommandContext& context) {
  CLI::App* list = ledger.add_subcommand("list", "Intents, newest first; without their arguments");
  const auto arguments = std::make_shared<ListArguments>();
  v1::ListIntentsRequest& request = arguments->request;
  list->add_option("--session", *request.mutable_session_id(), "Only of this conversation");
  list->add_option("--tool", *request.mutable_tool(), "Only of this tool");
  list->add_option("--state", arguments->state, "Only in this state")
      ->transform(
          CLI::IsMember({"IN_FLIGHT", "SUCCEEDED", "REJECTED", "UNKNOWN", "REVIEW", "REVERSED"},
                        CLI::ignore_case));
  list->add_option("--id", *request.mutable_id_prefix(), "Only ids or keys that begin so");
  list->add_option("--since", arguments->since, "Claimed at or after: a time, or e.g. 2h (ago)")
      ->check(CheckTime);
  list->add_option("--until", arguments->until, "Claimed before")->check(CheckTime);
  list->add_flag("--held-back", arguments->held_back,
                 "Only intents for which a further write was held back");
  list->add_option("--limit", arguments->limit, "At most so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  list->add_flag("--json", arguments->json, "Print a ListIntentsResponse as JSON");
  list->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunList(context, *arguments); };
  });
}

void AddShow(CLI::App& ledger, CommandContext& context) {
  CLI::App* show = ledger.add_subcommand(
      "show", "Everything about one intent, and what happened to it, in order");
  const auto arguments = std::make_shared<ShowArguments>();
  show->add_option("id", *arguments->request.mutable_id(),
                   "The intent's id or key, or the beginning of one (4 characters or more)")
      ->required();
  show->add_flag("--json", arguments->json, "Print the GetIntentResponse as JSON");
  show->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunShow(context, *arguments); };
  });
}

void AddTail(CLI::App& ledger, CommandContext& context) {
  CLI::App* tail = ledger.add_subcommand("tail", "The last events, one a line");
  const auto arguments = std::make_shared<TailArguments>();
  tail->add_option("--session", *arguments->request.mutable_session_id(),
                   "Only of this conversation");
  tail->add_option("--intent", *arguments->request.mutable_intent_id(),
                   "Only of this intent (its whole id)");
  tail->add_option("-n,--count", arguments->count, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, kPage));
  tail->add_flag("-f,--follow", arguments->follow, "Go on with the events that come");
  tail->add_flag("--json", arguments->json, "Print each EventRecord as a line of JSON");
  tail->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunTail(context, *arguments); };
  });
}

}  // namespace

void AddLedgerCommands(CLI::App& app, CommandContext& context) {
  CLI::App* ledger = app.add_subcommand("ledger", "Ask the ledger who wrote what, when and why");
  ledger->require_subcommand(1);
  AddList(*ledger, context);
  AddShow(*ledger, context);
  AddTail(*ledger, context);
}

}  // namespace onetake
