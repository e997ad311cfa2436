#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/explain.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/output_options.h"
#include "runtime/cli/text.h"
#include "runtime/cli/time_range.h"
#include "runtime/cli/timeline.h"
#include "runtime/cli/unseal_option.h"

namespace onetake {
namespace {

constexpr int kPage = 500;
constexpr absl::Duration kReconnectInterval = absl::Milliseconds(500);
constexpr absl::Duration kReconnectPatience = absl::Minutes(5);

struct ListArguments {
  v1::ListIntentsRequest request;
  std::string state;
  std::string disposition;
  std::string attribute;
  std::string since;
  std::string until;
  bool held_back = false;
  bool replayed = false;
  bool drift = false;
  bool review = false;
  int limit = 50;
  bool json = false;
  Output output;
};

struct ShowArguments {
  v1::GetIntentRequest request;
  bool json = false;
  Output output;
};

struct TailArguments {
  v1::ListEventsRequest request;
  int count = 20;
  bool follow = false;
  bool calls = false;
  bool json = false;
  Output output;
};

void ShowIntents(const v1::ListIntentsResponse& intents, const Output& output) {
  constexpr absl::string_view kMore = "... and more: raise --limit or narrow the filters\n";
  const absl::string_view more = intents.next_page_token().empty() ? "" : kMore;
  if (output.format == OutputFormat::kTable) {
    std::cout << RenderIntents(intents, output.zone) << more;
    return;
  }
  // A program's rows have no room for it.
  std::cerr << more;
  if (output.format == OutputFormat::kJsonLines) {
    for (const v1::IntentSummary& summary : intents.intents())
      std::cout << ToJson(summary, output) << "\n";
  } else {
    std::cout << CsvLines(IntentFields(intents, output.zone));
  }
}

ExitCode RunList(const CommandContext& context, ListArguments& arguments) {
  v1::ListIntentsRequest& request = arguments.request;
  v1::IntentState state = v1::INTENT_STATE_UNSPECIFIED;
  if (!arguments.state.empty()) {
    v1::IntentState_Parse(absl::StrCat("INTENT_STATE_", arguments.state), &state);
  }
  request.set_state(state);
  request.set_held_back_only(arguments.held_back);
  request.set_replayed_only(arguments.replayed);
  request.set_drift_only(arguments.drift);
  request.set_review_only(arguments.review);
  v1::Disposition disposition = v1::DISPOSITION_UNSPECIFIED;
  if (!arguments.disposition.empty()) {
    v1::Disposition_Parse(absl::StrCat("DISPOSITION_", arguments.disposition), &disposition);
  }
  request.set_disposition(disposition);
  if (!arguments.attribute.empty()) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(arguments.attribute, absl::MaxSplits('=', 1));
    request.mutable_attribute()->set_name(parts.first);
    request.mutable_attribute()->set_value(parts.second);
  }
  const absl::StatusOr<TimeRange> range =
      ParseTimeRange(arguments.since, arguments.until, absl::Now(), arguments.output.zone);
  if (!range.ok()) return Complain(range.status());
  if (range->since) *request.mutable_created_after() = ToTimestamp(*range->since);
  if (range->until) *request.mutable_created_before() = ToTimestamp(*range->until);
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
  if (arguments.json) {
    std::cout << ToJson(all, arguments.output) << "\n";
  } else {
    ShowIntents(all, arguments.output);
  }
  return ExitCode::kDone;
}

ExitCode RunShow(const CommandContext& context, const ShowArguments& arguments) {
  Client client(context.server);
  const absl::StatusOr<v1::GetIntentResponse> intent = client.GetIntent(arguments.request);
  if (!intent.ok()) return Complain(intent.status());
  std::cout << (arguments.json ? ToJson(*intent, arguments.output) + "\n"
                               : RenderIntent(*intent, arguments.output.zone));
  return ExitCode::kDone;
}

ExitCode RunExplain(const CommandContext& context, const ShowArguments& arguments) {
  Client client(context.server);
  const absl::StatusOr<v1::GetIntentResponse> intent = client.GetIntent(arguments.request);
  if (!intent.ok()) return Complain(intent.status());
  if (arguments.output.format == OutputFormat::kTable) {
    std::cout << RenderExplanation(*intent, arguments.output.zone);
  } else {
    PrintFields(ExplanationFields(*intent, arguments.output.zone), arguments.output);
    for (const auto& generation : intent->generations()) std::cerr << MoreOf(generation);
  }
  return ExitCode::kDone;
}

// Prints events as they come, page after page.
class EventPrinter {
 public:
  explicit EventPrinter(const TailArguments& arguments) : arguments_(arguments) {}
  void Print(const google::protobuf::RepeatedPtrField<v1::EventRecord>& events) {
    for (const v1::EventRecord& event : events) std::cout << LineOf(event);
    std::cout.flush();
  }

 private:
  std::string LineOf(const v1::EventRecord& event) {
    const Output& output = arguments_.output;
    if (arguments_.json || output.format == OutputFormat::kJsonLines) {
      return ToJson(event, output) + "\n";
    }
    if (output.format == OutputFormat::kTable) return RenderEvent(event, output.zone) + "\n";
    const std::vector<Fields> record = {EventFields(event, output.zone)};
    return std::exchange(first_, false) ? CsvLines(record) : CsvRows(record);
  }

  const TailArguments& arguments_;
  bool first_ = true;
};

// Goes on, over restarts of the server, until there is nobody to print for.
ExitCode Follow(Client& client, v1::WatchEventsRequest& request, EventPrinter& printer) {
  bool said = false;
  absl::Time lost = absl::InfiniteFuture();
  while (true) {
    const absl::Status ended =
        client.WatchEvents(request, [&](const v1::WatchEventsResponse& message) {
          said = false;
          lost = absl::InfiniteFuture();
          printer.Print(message.events());
          request.set_after_seq(message.seen_seq());
          return std::cout.good() ? Client::Watching::kGoOn : Client::Watching::kEnough;
        });
    if (ended.ok()) return ExitCode::kDone;
    lost = std::min(lost, absl::Now());
    if (ExitCodeOf(ended) != ExitCode::kUnreachable || absl::Now() - lost > kReconnectPatience) {
      return Complain(ended);
    }
    if (!std::exchange(said, true)) {
      std::cerr << "onetake: " << Printable(ended.message()) << "; trying again\n";
    }
    absl::SleepFor(kReconnectInterval);
  }
}

ExitCode RunTail(const CommandContext& context, TailArguments& arguments) {
  Client client(context.server);
  v1::ListEventsRequest& request = arguments.request;
  request.set_newest(true);
  request.set_page_size(arguments.count);
  request.set_with_calls(arguments.calls);
  const absl::StatusOr<v1::ListEventsResponse> page = client.ListEvents(request);
  if (!page.ok()) return Complain(page.status());
  EventPrinter printer(arguments);
  printer.Print(page->events());
  std::cerr << OlderOf(*page);
  if (!arguments.follow || !std::cout.good()) return ExitCode::kDone;
  v1::WatchEventsRequest watch;
  watch.set_session_id(request.session_id());
  watch.set_intent_id(request.intent_id());
  watch.set_with_calls(arguments.calls);
  watch.set_after_seq(page->seen_seq());
  return Follow(client, watch, printer);
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
  list->add_option("--id,--key", *request.mutable_id_prefix(),
                   "Only this id or key, or those that begin so (4 characters or more)");
  list->add_option("--tool-call-id", *request.mutable_tool_call_id(),
                   "Only what a call with the model's id was about");
  list->add_option("--disposition", arguments->disposition,
                   "Only where some call was answered so, e.g. NEEDS_REVIEW")
      ->transform(
          CLI::IsMember({"DONE", "PENDING", "REJECTED", "UNCERTAIN", "NEEDS_REVIEW",
                         "NEEDS_CONFIRMATION", "CONFLICT", "INVALID", "WITHDRAWN", "FAILED"},
                        CLI::ignore_case));
  list->add_option("--attribute", arguments->attribute,
                   "Only where some call had this attribute, as NAME=VALUE; one that onetake.yaml "
                   "names in ledger.indexed_attributes")
      ->check([](const std::string& text) {
        const size_t at = text.find('=');
        return at == 0 || at == std::string::npos ? "must be NAME=VALUE" : "";
      });
  AddTimeOptions(*list, arguments->since, arguments->until, "Claimed at or after",
                 "Claimed before");
  list->add_flag("--held-back", arguments->held_back,
                 "Only intents for which a further write was held back");
  list->add_flag("--replayed", arguments->replayed,
                 "Only intents of which a call was answered from the record");
  list->add_flag("--drift", arguments->drift,
                 "Only intents of which a call differed in a guarded argument");
  list->add_flag("--review", arguments->review, "Only what waits for a person");
  list->add_option("--limit", arguments->limit, "At most so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  AddOutputOptions(*list, arguments->output);
  list->add_flag("--json", arguments->json, "Print a ListIntentsResponse as JSON")
      ->excludes("--output");
  list->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunList(context, *arguments); };
  });
}

CLI::Option* AddId(CLI::App& command, ShowArguments& arguments) {
  return command
      .add_option("id", *arguments.request.mutable_id(),
                  "The intent's id or key, or the beginning of one (4 characters or more)")
      ->required();
}

void AddExplain(CLI::App& ledger, CommandContext& context) {
  CLI::App* explain = ledger.add_subcommand(
      "explain", "What was decided about one intent at each step, and why, in plain words");
  const auto arguments = std::make_shared<ShowArguments>();
  AddId(*explain, *arguments);
  AddOutputOptions(*explain, arguments->output);
  AddUnseal(*explain, arguments->request);
  explain->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunExplain(context, *arguments); };
  });
}

void AddTail(CLI::App& ledger, CommandContext& context) {
  CLI::App* tail = ledger.add_subcommand(
      "tail", "The last events, one a line; says when older ones were not looked at");
  const auto arguments = std::make_shared<TailArguments>();
  tail->add_option("--session", *arguments->request.mutable_session_id(),
                   "Only of this conversation");
  tail->add_option("--intent", *arguments->request.mutable_intent_id(),
                   "Only of this intent (its whole id)");
  tail->add_option("-n,--count", arguments->count, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, kPage));
  tail->add_flag("-f,--follow", arguments->follow,
                 "Go on with the events that come, over restarts of the server");
  tail->add_flag("--calls", arguments->calls, "The events of requests too, READs among them");
  AddOutputOptions(*tail, arguments->output);
  tail->add_flag("--json", arguments->json, "Print each EventRecord as a line of JSON")
      ->excludes("--output");
  tail->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunTail(context, *arguments); };
  });
}

}  // namespace

void AddShowIntent(CLI::App& parent, const std::string& description, CommandContext& context) {
  CLI::App* show = parent.add_subcommand("show", description);
  const auto arguments = std::make_shared<ShowArguments>();
  AddId(*show, *arguments);
  AddZoneOptions(*show, arguments->output);
  show->add_flag("--json", arguments->json, "Print the GetIntentResponse as JSON");
  AddUnseal(*show, arguments->request);
  show->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunShow(context, *arguments); };
  });
}

void AddLedgerQuestions(CLI::App& ledger, CommandContext& context) {
  AddList(ledger, context);
  AddShowIntent(ledger, "Everything about one intent, and what happened to it, in order", context);
  AddExplain(ledger, context);
  AddTail(ledger, context);
}

void AddLedgerCommands(CLI::App& app, CommandContext& context) {
  CLI::App* ledger = app.add_subcommand("ledger", "Ask the ledger who wrote what, when and why");
  ledger->require_subcommand(1);
  AddLedgerQuestions(*ledger, context);
  AddLedgerTimeline(*ledger, context);
  AddLedgerReport(*ledger, context);
  AddLedgerExport(*ledger, context);
  AddLedgerBackup(*ledger, context);
  AddLedgerVerify(*ledger, context);
  AddLedgerProof(*ledger, context);
  AddLedgerErase(*ledger, context);
}

}  // namespace onetake
