#include "runtime/cli/explain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/cli/rule_texts.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

constexpr char kUnknownRule[] = "this version of onetake has no text for this rule";

std::string LabelOf(const v1::CallRecord& call) {
  return Printable(call.tool_call_id().empty() ? call.call_id() : call.tool_call_id());
}

std::string WhyOf(absl::string_view rule) {
  const absl::string_view meaning = RuleMeaning(rule);
  return std::string(meaning.empty() ? kUnknownRule : meaning);
}

// What the event decided, in words: "settled".
std::string Decided(const v1::EventRecord& event) {
  const std::string to = Name(event.to());
  const std::string& kind = event.kind();
  if (kind == "claimed") return absl::StrCat("recorded as ", to, " before anything is sent");
  if (kind == "settled") return absl::StrCat("decided: it is ", to);
  if (kind == "unknown") return absl::StrCat("decided: the outcome is not known (", to, ")");
  if (kind == "crashed") return absl::StrCat("found in flight by a start: ", to, " for now");
  if (kind == "resend") return "decided: another attempt begins now";
  if (kind == "scheduled") return absl::StrCat("decided: another try later; ", to, " until then");
  if (kind == "unchanged") return absl::StrCat("nothing new: it stays ", to);
  if (kind == "accepted") return absl::StrCat("the downstream does it later: ", to, " until then");
  if (kind == "review") return "decided: only a person can settle it (REVIEW)";
  if (kind == "resolved") return absl::StrCat("a person decided: it is ", to);
  if (kind == "reversed") {
    return absl::StrCat(event.rule() == "R7.overwritten" ? "replaced" : "undone", ": it is ", to);
  }
  if (kind == "reinstated") return absl::StrCat("not undone any more: it is ", to, " again");
  if (kind == "late") return absl::StrCat("learned after the verdict, which agrees: ", to);
  if (kind == "conflict") {
    return absl::StrCat("learned after the verdict, and contradicts it: it stays ", to,
                        " until a person has looked");
  }
  return absl::StrCat(Printable(kind), ": ", to);
}

bool SentNothing(const v1::AttemptRecord& attempt) {
  return attempt.has_ended_at() && absl::EqualsIgnoreCase(attempt.reached(), "NOTHING_SENT");
}

std::string AttemptEnd(const v1::AttemptRecord& attempt, Values values) {
  std::string text = absl::StrCat("attempt ", attempt.number());
  // A crash or a person's verdict has ended it: nobody has seen how far it got, and how long it
  // took.
  const bool cut_off = attempt.reached().empty() && attempt.latency_us() == 0;
  if (cut_off) {
    absl::StrAppend(&text, " was cut off: ");
  } else {
    absl::StrAppend(&text, " ended after ", attempt.latency_us() / 1000, " ms",
                    SentNothing(attempt) ? ", before anything was sent: " : ": ");
  }
  absl::StrAppend(&text, attempt.failure().empty() ? "success" : Printable(attempt.failure()));
  const std::string status = absl::StrCat("HTTP ", attempt.http_status());
  if (attempt.http_status() != 0) absl::StrAppend(&text, ", ", status);
  if (!attempt.error().empty() && attempt.error() != status) {
    absl::StrAppend(&text, ", ", Printable(attempt.error()));
  }
  const bool unexplained = !cut_off && !attempt.failure().empty() && attempt.http_status() == 0;
  if (unexplained && values == Values::kHidden) absl::StrAppend(&text, ", why: ", kHiddenValue);
  return text;
}

std::string Count(int64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count == 0 ? "no" : absl::StrCat(count), " ", count == 1 ? one : many);
}

std::string HeldBack(int64_t calls) {
  if (calls == 0) return "no call was held back";
  return absl::StrCat(Count(calls, "call was", "calls were"), " held back and sent nothing");
}

std::string Heading(const v1::IntentGeneration& generation, int last) {
  const v1::IntentSummary& summary = generation.summary();
  const v1::Intent& intent = summary.intent();
  std::string text = absl::StrCat(
      "intent ", Printable(intent.id()), ", generation ", intent.generation(), " of ", last, ", ",
      Printable(summary.tool()), ": ", Name(intent.state()), "\n  ", StateMeaning(intent.state()),
      " ", Count(intent.attempts(), "attempt was", "attempts were"), " begun under the key ",
      Printable(intent.key()), "; ", HeldBack(summary.held_back()), ".\n");
  if (summary.has_review_at() && intent.state() != v1::INTENT_STATE_REVIEW) {
    absl::StrAppend(
        &text,
        "  What was recorded later, the conflict below, contradicts that: a person has to "
        "look.\n");
  }
  return text;
}

std::string RenderSteps(const std::vector<Step>& steps, absl::TimeZone zone) {
  std::string text;
  for (const Step& step : steps) {
    const double offset = static_cast<double>(Nanos(step.at) - Nanos(steps[0].at)) / 1e9;
    absl::StrAppend(&text, "  ", TimeText(step.at, zone), absl::StrFormat("  +%.3fs  ", offset),
                    step.what, "\n");
    if (step.why.empty()) continue;
    absl::StrAppend(&text, "      ", step.why,
                    step.rule.empty() ? "" : absl::StrCat(" [", Printable(step.rule), "]"), "\n");
  }
  return text;
}

}  // namespace

std::string StateMeaning(v1::IntentState state) {
  switch (state) {
    case v1::INTENT_STATE_IN_FLIGHT: return "An attempt is under way.";
    case v1::INTENT_STATE_SUCCEEDED: return "It took effect.";
    case v1::INTENT_STATE_REJECTED: return "It surely did not take effect.";
    case v1::INTENT_STATE_UNKNOWN: return "It may have taken effect; that is being found out.";
    case v1::INTENT_STATE_REVIEW: return "It may have taken effect; only a person can tell.";
    case v1::INTENT_STATE_REVERSED: return "It took effect, and was undone later.";
    default: return "Its state is one that this version of onetake does not know.";
  }
}

void AddSteps(const v1::CallRecord& call, std::vector<Step>& steps) {
  const std::string label = LabelOf(call);
  Step came{call.received_at(),
            Step::kReceived,
            absl::StrCat("call ", label, " comes in (", Printable(call.role()), ")"),
            "",
            std::string(RoleMeaning(call.role())),
            call.call_id()};
  const bool failed = call.disposition() == "FAILED";
  if (!call.detail().empty() && !failed) {
    // A confirmation's verdict is a rule of its own; the rest are paths.
    const absl::string_view verdict = RuleMeaning(call.detail());
    absl::StrAppend(&came.why, verdict.empty() ? absl::StrCat("; about ", Printable(call.detail()))
                                               : absl::StrCat("; ", verdict));
    if (!verdict.empty()) came.rule = call.detail();
  }
  steps.push_back(std::move(came));
  if (!call.has_answered_at()) return;
  const absl::string_view told = DispositionMeaning(call.disposition());
  steps.push_back({call.answered_at(), Step::kAnswered,
                   absl::StrCat("call ", label, " is told ", Printable(call.disposition()),
                                told.empty() ? "" : ": ", told,
                                failed && !call.detail().empty()
                                    ? absl::StrCat(" (", Printable(call.detail()), ")")
                                    : ""),
                   "", "", call.call_id()});
}

void AddSteps(const v1::AttemptRecord& attempt, Values values, std::vector<Step>& steps) {
  steps.push_back(
      {attempt.started_at(), Step::kAttemptBegin,
       absl::StrCat("attempt ", attempt.number(), SentNothing(attempt) ? " begins" : " is sent"),
       "", "", ""});
  if (!attempt.has_ended_at()) return;
  steps.push_back({attempt.ended_at(), Step::kAttemptEnd, AttemptEnd(attempt, values), "",
                   std::string(FailureMeaning(attempt.failure())), ""});
}

Values ValuesOf(const v1::IntentGeneration& generation) {
  const bool erased =
      std::any_of(generation.events().begin(), generation.events().end(),
                  [](const v1::EventRecord& event) { return event.kind() == "erased"; });
  return generation.hidden() && !erased ? Values::kHidden : Values::kShown;
}

void AddSteps(const v1::EventRecord& event, std::vector<Step>& steps) {
  Step step{event.at(), Step::kEvent, Decided(event), event.rule(), WhyOf(event.rule()), ""};
  if (!event.actor().empty() && event.actor() != "engine") {
    absl::StrAppend(&step.what, ", by ", Printable(event.actor()));
  }
  if (!event.evidence_json().empty()) {
    absl::StrAppend(&step.what, ", with evidence ", EvidenceText(event.evidence_json()));
  }
  steps.push_back(std::move(step));
}

void SortSteps(std::vector<Step>& steps) {
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    return std::make_pair(Nanos(a.at), a.rank) < std::make_pair(Nanos(b.at), b.rank);
  });
  std::vector<Step> told;
  for (Step& step : steps) {
    const bool follows = step.rank == Step::kAnswered && !told.empty() &&
                         told.back().rank == Step::kReceived && told.back().call == step.call;
    if (follows) {
      absl::StrAppend(&told.back().what, ", and ",
                      absl::string_view(step.what).substr(step.what.find("is told")));
    } else {
      told.push_back(std::move(step));
    }
  }
  steps = std::move(told);
}

std::vector<Step> Explain(const v1::IntentGeneration& generation) {
  std::vector<Step> steps;
  for (const auto& call : generation.calls()) AddSteps(call, steps);
  for (const auto& attempt : generation.attempts()) {
    AddSteps(attempt, ValuesOf(generation), steps);
  }
  for (const auto& event : generation.events()) AddSteps(event, steps);
  SortSteps(steps);
  return steps;
}

std::string RenderExplanation(const v1::GetIntentResponse& intent, absl::TimeZone zone) {
  std::string text;
  for (const v1::IntentGeneration& generation : intent.generations()) {
    const v1::IntentGeneration& last = intent.generations(intent.generations_size() - 1);
    absl::StrAppend(&text, text.empty() ? "" : "\n",
                    Heading(generation, last.summary().intent().generation()),
                    RenderSteps(Explain(generation), zone), MoreOf(generation));
  }
  return text;
}

std::string MoreOf(const v1::IntentGeneration& generation) {
  if (!generation.cut()) return "";
  const v1::IntentSummary& summary = generation.summary();
  return absl::StrCat("... and more: of intent ", Printable(summary.intent().id()), " generation ",
                      summary.intent().generation(), " these are the first ",
                      generation.attempts_size(), " attempts, ", generation.calls_size(), " of ",
                      summary.calls(), " calls and ", generation.events_size(),
                      " events; onetake ledger tail --intent has the last events, ",
                      "onetake ledger export has all\n");
}

std::vector<Fields> ExplanationFields(const v1::GetIntentResponse& intent, absl::TimeZone zone) {
  std::vector<Fields> records;
  for (const v1::IntentGeneration& generation : intent.generations()) {
    const v1::Intent& which = generation.summary().intent();
    for (const Step& step : Explain(generation)) {
      records.push_back({{"intent_id", which.id()},
                         {"generation", absl::StrCat(which.generation())},
                         {"at", FieldTime(step.at, zone)},
                         {"what", step.what},
                         {"rule", step.rule},
                         {"why", step.why}});
    }
  }
  return records;
}

}  // namespace onetake
