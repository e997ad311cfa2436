#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/cli/client.h"
#include "runtime/cli/command.h"
#include "runtime/cli/ledger_commands.h"
#include "runtime/cli/output_options.h"
#include "runtime/cli/session_text.h"
#include "runtime/cli/text.h"
#include "runtime/cli/time_range.h"
#include "runtime/cli/unseal_option.h"

namespace onetake {
namespace {

constexpr int kPage = 500;
constexpr int kMostCalls = 20'000;  // of one conversation

struct TimelineArguments {
  std::string session;
  v1::GetIntentRequest lookup;
  Output output;
};

struct ReportArguments {
  v1::DuplicateReportRequest request;
  std::string since;
  std::string until;
  int calls = 20;
  bool json = false;
  Output output;
};

absl::StatusOr<SessionRecord> ReadSession(Client& client, const std::string& session_id,
                                          v1::GetIntentRequest lookup) {
  SessionRecord session{.session_id = session_id};
  v1::ListCallsRequest request;
  request.set_session_id(session_id);
  request.set_page_size(kPage);
  do {
    absl::StatusOr<v1::ListCallsResponse> page = client.ListCalls(request);
    if (!page.ok()) return page.status();
    for (v1::CallRecord& call : *page->mutable_calls()) session.calls.push_back(std::move(call));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && session.calls.size() < kMostCalls);
  session.more = !request.page_token().empty();
  if (session.calls.empty()) {
    return absl::NotFoundError(absl::StrCat("no call of session ", session_id, " is recorded"));
  }
  std::vector<std::string> ids;
  for (const v1::CallRecord& call : session.calls) {
    const bool known = std::find(ids.begin(), ids.end(), call.intent_id()) != ids.end();
    if (!call.intent_id().empty() && !known) ids.push_back(call.intent_id());
  }
  for (const std::string& id : ids) {
    lookup.set_id(id);
    absl::StatusOr<v1::GetIntentResponse> intent = client.GetIntent(lookup);
    if (!intent.ok()) return intent.status();
    session.intents.push_back(*std::move(intent));
  }
  return session;
}

ExitCode RunTimeline(const CommandContext& context, const TimelineArguments& arguments) {
  Client client(context.server);
  const absl::StatusOr<SessionRecord> session =
      ReadSession(client, arguments.session, arguments.lookup);
  if (!session.ok()) return Complain(session.status());
  if (arguments.output.format == OutputFormat::kTable) {
    std::cout << RenderSession(*session, arguments.output.zone);
  } else {
    PrintFields(SessionFields(*session, arguments.output.zone), arguments.output);
    std::cerr << MoreOf(*session);
  }
  return ExitCode::kDone;
}

ExitCode RunReport(const CommandContext& context, ReportArguments& arguments) {
  v1::DuplicateReportRequest& request = arguments.request;
  const absl::TimeZone zone = arguments.output.zone;
  const absl::StatusOr<TimeRange> range =
      ParseTimeRange(arguments.since, arguments.until, absl::Now(), zone);
  if (!range.ok()) return Complain(range.status());
  if (range->since) *request.mutable_after() = ToTimestamp(*range->since);
  if (range->until) *request.mutable_before() = ToTimestamp(*range->until);
  // A zone that has no name, only this machine's rules, counts days in UTC.
  if (zone.name() != "localtime") request.set_time_zone(zone.name());
  request.set_calls(arguments.calls);
  Client client(context.server);
  const absl::StatusOr<v1::DuplicateReportResponse> report = client.DuplicateReport(request);
  if (!report.ok()) return Complain(report.status());
  if (arguments.json) {
    std::cout << ToJson(*report, arguments.output) << "\n";
  } else if (arguments.output.format == OutputFormat::kTable) {
    std::cout << RenderDuplicates(*report, zone);
  } else {
    PrintFields(DuplicateFields(*report), arguments.output);
  }
  return ExitCode::kDone;
}

}  // namespace

void AddLedgerTimeline(CLI::App& ledger, CommandContext& context) {
  CLI::App* timeline = ledger.add_subcommand(
      "timeline", "One conversation: every call, attempt, decision and answer, in order");
  const auto arguments = std::make_shared<TimelineArguments>();
  timeline->add_option("session", arguments->session, "The session_id")->required();
  AddOutputOptions(*timeline, arguments->output);
  AddUnseal(*timeline, arguments->lookup);
  timeline->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunTimeline(context, *arguments); };
  });
}

void AddLedgerReport(CLI::App& ledger, CommandContext& context) {
  CLI::App* report = ledger.add_subcommand(
      "report", "Which duplicate writes were prevented: how many a day, of which tool, and why");
  const auto arguments = std::make_shared<ReportArguments>();
  AddTimeOptions(*report, arguments->since, arguments->until,
                 "Calls received at or after (7 days ago when not given)", "... and before");
  report->add_option("--tool", *arguments->request.mutable_tool(), "Only of this tool");
  report->add_option("--calls", arguments->calls, "So many of the newest calls are shown")
      ->capture_default_str()
      ->check(CLI::Range(0, kPage));
  AddOutputOptions(*report, arguments->output);
  report->add_flag("--json", arguments->json, "Print the DuplicateReportResponse as JSON")
      ->excludes("--output");
  report->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunReport(context, *arguments); };
  });
}

}  // namespace onetake
