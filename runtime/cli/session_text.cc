#include "runtime/cli/session_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/cli/explain.h"
#include "runtime/cli/rule_texts.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

constexpr size_t kShortId = 8;

std::string ShortId(const std::string& id) {
  return Printable(absl::string_view(id).substr(0, kShortId));
}

std::string Plural(int64_t count, absl::string_view one) {
  return absl::StrCat(count == 0 ? "no" : absl::StrCat(count), " ", one, count == 1 ? "" : "s");
}

// Marks the steps that `add` appends as being about `about`.
template <typename Add>
void AddAbout(const std::string& about, std::vector<Step>& steps, Add add) {
  const size_t before = steps.size();
  add();
  for (size_t i = before; i < steps.size(); ++i) steps[i].about = about;
}

std::vector<Step> StepsOf(const SessionRecord& session) {
  std::vector<Step> steps;
  // Calls that met an intent come with it.
  for (const v1::CallRecord& call : session.calls) {
    if (!call.intent_id().empty()) continue;
    AddAbout(Printable(call.tool()), steps, [&] { AddSteps(call, steps); });
  }
  for (const v1::GetIntentResponse& intent : session.intents) {
    for (const v1::IntentGeneration& generation : intent.generations()) {
      const v1::Intent& which = generation.summary().intent();
      const std::string about = absl::StrCat(Printable(generation.summary().tool()), " ",
                                             ShortId(which.id()), " g", which.generation());
      for (const v1::CallRecord& call : generation.calls()) {
        const bool other = call.session_id() != session.session_id;
        const std::string of_other =
            other ? absl::StrCat(" (of session ", Printable(call.session_id()), ")") : "";
        AddAbout(absl::StrCat(about, of_other), steps, [&] { AddSteps(call, steps); });
      }
      AddAbout(about, steps, [&] {
        for (const auto& attempt : generation.attempts()) {
          AddSteps(attempt, ValuesOf(generation), steps);
        }
        for (const auto& event : generation.events()) AddSteps(event, steps);
      });
    }
  }
  SortSteps(steps);
  return steps;
}

std::string RenderIntents(const SessionRecord& session) {
  std::string text;
  for (const v1::GetIntentResponse& intent : session.intents) {
    for (const v1::IntentGeneration& generation : intent.generations()) {
      const v1::IntentSummary& summary = generation.summary();
      const v1::Intent& which = summary.intent();
      absl::StrAppend(&text, "  ", Printable(summary.tool()), " ", ShortId(which.id()), " g",
                      which.generation(), ": ", Name(which.state()), ". ",
                      StateMeaning(which.state()), " ", Plural(which.attempts(), "attempt"), ", ",
                      Plural(summary.held_back(), "call"), " held back\n");
      if (!generation.identity_json().empty()) {
        absl::StrAppend(&text, "      identity ", Printable(generation.identity_json()), "\n");
      }
      if (generation.has_result_json()) {
        absl::StrAppend(&text, "      result   ", Printable(generation.result_json()), "\n");
      }
    }
  }
  return text;
}

std::string RenderStep(const Step& step, absl::TimeZone zone) {
  std::string text =
      absl::StrCat("  ", TimeText(step.at, zone), "  ", step.about, "  ", step.what, "\n");
  if (!step.why.empty()) {
    absl::StrAppend(&text, "      ", step.why,
                    step.rule.empty() ? "" : absl::StrCat(" [", Printable(step.rule), "]"), "\n");
  }
  return text;
}

std::string Percent(int64_t part, int64_t whole) {
  if (whole == 0) return "";
  return absl::StrFormat(" (%.2g%%)",
                         100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

std::string MoreOf(const SessionRecord& session) {
  std::string text;
  for (const v1::GetIntentResponse& intent : session.intents) {
    for (const auto& generation : intent.generations()) text += MoreOf(generation);
  }
  if (!session.more) return text;
  return absl::StrCat(text, "... and more: these are the first ", session.calls.size(),
                      " calls; onetake ", "ledger export --kind calls --session has all of them\n");
}

std::string RenderSession(const SessionRecord& session, absl::TimeZone zone) {
  const auto held_back =
      std::count_if(session.calls.begin(), session.calls.end(),
                    [](const v1::CallRecord& call) { return IsHeldBack(call.role()); });
  std::string text =
      absl::StrCat("session ", Printable(session.session_id), ": ",
                   Plural(static_cast<int64_t>(session.calls.size()), "call"), ", ",
                   Plural(static_cast<int64_t>(session.intents.size()), "intent"), ", ",
                   Plural(held_back, "call"), " held back\n", RenderIntents(session), "\n");
  for (const Step& step : StepsOf(session)) absl::StrAppend(&text, RenderStep(step, zone));
  return text + MoreOf(session);
}

std::vector<Fields> SessionFields(const SessionRecord& session, absl::TimeZone zone) {
  std::vector<Fields> records;
  for (const Step& step : StepsOf(session)) {
    records.push_back({{"session_id", session.session_id},
                       {"at", FieldTime(step.at, zone)},
                       {"about", step.about},
                       {"what", step.what},
                       {"rule", step.rule},
                       {"why", step.why}});
  }
  return records;
}

std::string RenderDuplicates(const v1::DuplicateReportResponse& report, absl::TimeZone zone) {
  std::string text = absl::StrCat(
      TimeText(report.after(), zone), " to ", TimeText(report.before(), zone), "\n",
      Plural(report.calls(), "call"), ", ", Plural(report.intents(), "intent"), " claimed\n");
  if (report.held_back() == 0) return text + "no call would have written again\n";
  absl::StrAppend(&text, Plural(report.held_back(), "call"), " that would have written again, of ",
                  Plural(report.intents_held_back(), "intent"),
                  Percent(report.held_back(), report.calls()),
                  ": held back, nothing was sent for them\n");
  if (report.counts().empty()) return text;
  std::vector<std::vector<std::string>> rows = {{"DAY", "TOOL", "WHY", "CALLS", ""}};
  for (const v1::DuplicateCount& count : report.counts()) {
    rows.push_back({count.day(), Printable(count.tool()), Printable(count.role()),
                    absl::StrCat(count.calls()), std::string(RoleMeaning(count.role()))});
  }
  absl::StrAppend(&text, "\n", Table(rows));
  if (report.newest().empty()) return text;
  rows = {{"RECEIVED", "TOOL", "SESSION", "TOOL CALL", "WHY", "TOLD", "INTENT", "GEN"}};
  for (const v1::CallRecord& call : report.newest()) {
    rows.push_back({TimeText(call.received_at(), zone), Printable(call.tool()),
                    Printable(call.session_id()), Printable(call.tool_call_id()),
                    Printable(call.role()), Printable(call.disposition()),
                    Printable(call.intent_id()), absl::StrCat(call.generation())});
  }
  absl::StrAppend(&text, "\nthe newest of them (onetake ledger explain INTENT says more)\n",
                  Table(rows));
  return text;
}

std::vector<Fields> DuplicateFields(const v1::DuplicateReportResponse& report) {
  std::vector<Fields> records;
  for (const v1::DuplicateCount& count : report.counts()) {
    records.push_back({{"day", count.day()},
                       {"tool", count.tool()},
                       {"role", count.role()},
                       {"calls", absl::StrCat(count.calls())},
                       {"why", std::string(RoleMeaning(count.role()))}});
  }
  return records;
}

}  // namespace onetake
