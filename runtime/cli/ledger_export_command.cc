#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/base/status.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/export_place.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/output_options.h"
#include "runtime/cli/text.h"
#include "runtime/cli/time_range.h"

namespace onetake {
namespace {

constexpr int kPage = 500;

enum class Kind { kEvents, kCalls, kIntents };

struct ExportArguments {
  Kind kind = Kind::kEvents;
  std::string since, until, session, tool, tool_call, place, place_file;
  int64_t limit = 0;
  Output output;
};

struct Page {
  std::vector<std::string> lines;
  std::string next;   // the place after it; empty: unknown
  bool more = false;  // there is more already
};

// Exports one page after another of one kind. Each page asks the same question from another place.
class Exporter {
 public:
  Exporter(const CommandContext& context, const ExportArguments& arguments, TimeRange range)
      : client_(context.server), arguments_(arguments), range_(range) {}

  absl::StatusOr<Page> Next(const std::string& place, int size) {
    switch (arguments_.kind) {
      case Kind::kEvents: return Events(place, size);
      case Kind::kCalls: return Calls(place, size);
      case Kind::kIntents: return Intents(place, size);
    }
    return absl::InternalError("no kind");
  }

  // Checks that the place belongs to this ledger. INVALID_ARGUMENT: it does not.
  absl::Status CheckPlace(const std::string& text) {
    ONETAKE_ASSIGN_OR_RETURN(const std::optional<SeqPlace> place, ParseSeqPlace(text));
    if (!place.has_value() || place->seq == 0) return absl::OkStatus();
    const absl::StatusOr<v1::VerifyChainResponse> found = AskFor(place->seq);
    if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
    if (found.ok() && found->has_fault() && found->events() == 0) {
      return absl::DataLossError(absl::StrCat("event ", place->seq,
                                              " of the ledger is not what was written: see "
                                              "onetake ledger verify"));
    }
    if (!found.ok() || found->events() == 0) {
      return absl::InvalidArgumentError(absl::StrCat("the ledger ends before event ", place->seq,
                                                     ", after which to go on", kOtherHistory));
    }
    if (!found->has_fault() && found->next_seq() > place->seq + 1) {
      std::cerr << "note: the ledger begins with event " << found->next_seq() - 1
                << ": what was before, event " << place->seq
                << " too, was kept for long enough and removed\n";
    } else if (!place->hash.empty() && found->hash() != place->hash) {
      return absl::InvalidArgumentError(
          absl::StrCat("event ", place->seq,
                       " of this ledger is not the one that the export ended with", kOtherHistory));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr absl::string_view kOtherHistory =
      ": it is another ledger, or was restored from a copy";

  template <typename Message>
  std::string LineOf(absl::string_view record, const Message& message) const {
    return absl::StrCat("{\"record\":\"", record, "\",",
                        ToJson(message, arguments_.output).substr(1), "\n");
  }

  absl::StatusOr<Page> Events(const std::string& place, int size) {
    v1::ListEventsRequest request;
    request.set_session_id(arguments_.session);
    if (range_.since) *request.mutable_after() = ToTimestamp(*range_.since);
    if (range_.until) *request.mutable_before() = ToTimestamp(*range_.until);
    request.set_with_calls(arguments_.session.empty());
    request.set_page_size(size);
    ONETAKE_ASSIGN_OR_RETURN(const std::optional<SeqPlace> after, ParseSeqPlace(place));
    if (after.has_value()) {
      request.set_after_seq(after->seq);
    } else {
      request.set_page_token(place);
    }
    const absl::StatusOr<v1::ListEventsResponse> found = client_.ListEvents(request);
    if (!found.ok()) return found.status();
    Page page;
    for (const auto& event : found->events()) page.lines.push_back(LineOf("event", event));
    page.more = !found->next_page_token().empty();
    const bool by_seq = !request.has_after() && !request.has_before();
    if (!by_seq) {
      page.next = found->next_page_token();
    } else if (after.has_value() && after->seq == found->seen_seq() && !after->hash.empty()) {
      page.next = place;
    } else {
      ONETAKE_ASSIGN_OR_RETURN(page.next, PlaceAfter(found->seen_seq()));
    }
    return page;
  }

  absl::StatusOr<v1::VerifyChainResponse> AskFor(int64_t seq) {
    v1::VerifyChainRequest request;
    request.set_from_seq(seq);
    request.set_max_events(1);
    return client_.VerifyChain(request);
  }

  // The place has the event's hash, unless the event is not intact, or was removed by age in
  // between.
  absl::StatusOr<std::string> PlaceAfter(int64_t seq) {
    SeqPlace place{.seq = seq};
    if (seq > 0) {
      const absl::StatusOr<v1::VerifyChainResponse> found = AskFor(seq);
      if (!found.ok()) return found.status();
      if (found->next_seq() == seq + 1) place.hash = found->hash();
    }
    return ToText(place);
  }

  absl::StatusOr<Page> Calls(const std::string& place, int size) {
    v1::ListCallsRequest request;
    request.set_session_id(arguments_.session);
    request.set_tool(arguments_.tool);
    request.set_tool_call_id(arguments_.tool_call);
    if (range_.since) *request.mutable_after() = ToTimestamp(*range_.since);
    if (range_.until) *request.mutable_before() = ToTimestamp(*range_.until);
    request.set_page_size(size);
    request.set_page_token(place);
    const absl::StatusOr<v1::ListCallsResponse> found = client_.ListCalls(request);
    if (!found.ok()) return found.status();
    Page page{.next = found->next_page_token(), .more = !found->next_page_token().empty()};
    for (const auto& call : found->calls()) page.lines.push_back(LineOf("call", call));
    return page;
  }

  absl::StatusOr<Page> Intents(const std::string& place, int size) {
    v1::ListIntentsRequest request;
    request.set_session_id(arguments_.session);
    request.set_tool(arguments_.tool);
    request.set_tool_call_id(arguments_.tool_call);
    if (range_.since) *request.mutable_created_after() = ToTimestamp(*range_.since);
    if (range_.until) *request.mutable_created_before() = ToTimestamp(*range_.until);
    request.set_page_size(size);
    request.set_page_token(place);
    const absl::StatusOr<v1::ListIntentsResponse> found = client_.ListIntents(request);
    if (!found.ok()) return found.status();
    Page page{.next = found->next_page_token(), .more = !found->next_page_token().empty()};
    for (const auto& intent : found->intents()) page.lines.push_back(LineOf("intent", intent));
    return page;
  }

  Client client_;
  const ExportArguments& arguments_;
  const TimeRange range_;
};

// Adds to a fault of the place where it stands, and what to do about it.
absl::Status OfPlace(const ExportArguments& arguments, const absl::Status& status) {
  if (!absl::IsInvalidArgument(status) && !absl::IsFailedPrecondition(status)) return status;
  const bool in_file = !arguments.place_file.empty();
  return absl::Status(
      status.code(),
      absl::StrCat(in_file ? arguments.place_file : "--resume", ": ", status.message(),
                   ". Without ",
                   in_file ? "this file everything is exported anew; with seq:N in it"
                           : "--resume everything is exported; with --resume seq:N",
                   ", what comes after event N"));
}

// Returns the place to begin at; empty: the beginning.
absl::StatusOr<std::string> Begin(const ExportArguments& arguments, Exporter& exporter) {
  std::string place = arguments.place;
  if (!arguments.place_file.empty()) {
    absl::StatusOr<std::string> kept = ReadPlaceFile(arguments.place_file);
    if (!kept.ok()) return OfPlace(arguments, kept.status());
    place = *std::move(kept);
  }
  if (arguments.kind != Kind::kEvents) return place;
  if (absl::Status status = exporter.CheckPlace(place); !status.ok()) {
    return OfPlace(arguments, status);
  }
  return place;
}

absl::Status SavePlace(const ExportArguments& arguments, const std::string& place) {
  if (arguments.place_file.empty() || place.empty()) return absl::OkStatus();
  return Annotate(WritePlaceFile(arguments.place_file, place), arguments.place_file);
}

ExitCode RunExport(const CommandContext& context, const ExportArguments& arguments) {
  for (const auto& [name, value] :
       {std::pair{"--tool", &arguments.tool}, std::pair{"--tool-call-id", &arguments.tool_call}}) {
    if (arguments.kind != Kind::kEvents || value->empty()) continue;
    return Complain(
        absl::InvalidArgumentError(absl::StrCat(name, ": goes with --kind calls or intents")));
  }
  // A place cannot be kept for these kinds. Calls are listed by when they came and recorded when
  // they are answered, and new intents come before the place: what a later run finds behind it is
  // not all.
  if (arguments.kind != Kind::kEvents && !arguments.place_file.empty()) {
    return Complain(absl::InvalidArgumentError(
        "--resume-file: goes with --kind events, which have every call and every change of an "
        "intent; --kind calls and intents have no place to go on from later"));
  }
  // By time a list is paged by tokens of that list alone: nothing is kept of its end, and a time
  // like 1h ago makes another list at each run.
  for (const auto& [name, value] :
       {std::pair{"--since", &arguments.since}, std::pair{"--until", &arguments.until}}) {
    if (arguments.place_file.empty() || value->empty()) continue;
    return Complain(absl::InvalidArgumentError(
        absl::StrCat("--resume-file: does not go with ", name,
                     ", as it begins behind an event; to begin late, write seq:N into it, and what "
                     "comes after event N is exported")));
  }
  const absl::StatusOr<TimeRange> range =
      ParseTimeRange(arguments.since, arguments.until, absl::Now(), arguments.output.zone);
  if (!range.ok()) return Complain(range.status());
  Exporter exporter(context, arguments, *range);
  absl::StatusOr<std::string> begin = Begin(arguments, exporter);
  if (!begin.ok()) return Complain(begin.status());
  std::string place = *std::move(begin);
  int64_t exported = 0;
  for (bool more = true; more;) {
    const int64_t left = arguments.limit == 0 ? kPage : arguments.limit - exported;
    const absl::StatusOr<Page> page =
        exporter.Next(place, static_cast<int>(std::min<int64_t>(left, kPage)));
    if (!page.ok()) return Complain(page.status());
    for (const std::string& line : page->lines) std::cout << line;
    std::cout.flush();
    // The place is not moved when the output failed: what was not written may not be passed over
    // the next time.
    if (!std::cout.good()) {
      return Complain(absl::FailedPreconditionError("standard output cannot be written to"));
    }
    exported += static_cast<int64_t>(page->lines.size());
    if (!page->next.empty()) place = page->next;
    if (absl::Status status = SavePlace(arguments, place); !status.ok()) return Complain(status);
    more = page->more && (arguments.limit == 0 || exported < arguments.limit);
    if (!more && !page->next.empty()) {
      std::cerr << "exported " << exported << " records; to go on: --resume " << place << "\n";
    } else if (!more) {
      std::cerr << "exported " << exported << " records; these are all\n";
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void AddLedgerExport(CLI::App& ledger, CommandContext& context) {
  CLI::App* command = ledger.add_subcommand(
      "export",
      "Events, calls or intents as JSON lines, for a SIEM or a checker; without argument values");
  const auto arguments = std::make_shared<ExportArguments>();
  AddChoice(
      *command, "--kind", arguments->kind,
      {{"events", Kind::kEvents}, {"calls", Kind::kCalls}, {"intents", Kind::kIntents}},
      "events (all that happened, oldest first), calls (oldest first) or intents (as they are "
      "now, newest first)");
  AddTimeOptions(*command, arguments->since, arguments->until, "At or after", "Before");
  command->add_option("--session", arguments->session, "Only of this conversation");
  command->add_option("--tool", arguments->tool, "Only of this tool; calls and intents");
  command->add_option("--tool-call-id", arguments->tool_call,
                      "Only of this id of the model's, with --kind calls READs as well");
  command->add_option("--limit", arguments->limit, "At most so many records; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000}));
  CLI::Option* resume = command->add_option(
      "--resume", arguments->place,
      "Go on where an export with the same flags has ended; it says so on standard error. Of "
      "calls and intents: the rest of that list, not what is recorded since");
  command
      ->add_option(
          "--resume-file", arguments->place_file,
          "Keeps that place, of events: begins where the file says, and writes it after each page; "
          "without --since and --until. "
          "Killed, it exports at most one page twice, and misses none")
      ->excludes(resume);
  AddZoneOptions(*command, arguments->output);
  command->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunExport(context, *arguments); };
  });
}

}  // namespace onetake
