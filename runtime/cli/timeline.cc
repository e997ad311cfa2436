#include "runtime/cli/timeline.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/cli/explain.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

// One thing that happened. Moments at the same instant are shown in order of cause: a call comes
// in, an attempt ends, the ledger records, the next attempt begins, the call is answered.
struct Moment {
  enum Rank { kReceived, kAttemptEnd, kEvent, kAttemptBegin, kAnswered };
  google::protobuf::Timestamp at;
  Rank rank;
  std::string what;
  std::string text;
};

// The facts in one text: "(turn t-1, session call-17)", or nothing.
std::string Facts(const std::vector<std::pair<absl::string_view, std::string>>& facts) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : facts) {
    if (!value.empty()) parts.push_back(absl::StrCat(name, " ", Printable(value)));
  }
  return parts.empty() ? "" : absl::StrCat(" (", absl::StrJoin(parts, ", "), ")");
}

void AddCall(const v1::CallRecord& call, std::vector<Moment>& moments) {
  const std::string label =
      Printable(call.tool_call_id().empty() ? call.call_id() : call.tool_call_id());
  moments.push_back({call.received_at(), Moment::kReceived, "call",
                     absl::StrCat(label, " ", Printable(call.role()),
                                  Facts({{"turn", call.turn_id()},
                                         {"session", call.session_id()},
                                         {"differs in", call.detail()}}))});
  if (!call.has_answered_at()) return;
  moments.push_back({call.answered_at(), Moment::kAnswered, "answer",
                     absl::StrCat(label, " ", Printable(call.disposition()))});
}

void AddAttempt(const v1::AttemptRecord& attempt, Values values, std::vector<Moment>& moments) {
  moments.push_back({attempt.started_at(), Moment::kAttemptBegin, "attempt",
                     absl::StrCat(attempt.number(), " begins")});
  if (!attempt.has_ended_at()) return;
  std::vector<std::string> parts;
  const std::string status = absl::StrCat("HTTP ", attempt.http_status());
  if (attempt.http_status() != 0) parts.push_back(status);
  if (!attempt.failure().empty()) parts.push_back(Printable(attempt.failure()));
  // Often the error is nothing but the status.
  if (!attempt.error().empty() && attempt.error() != status) {
    parts.push_back(Printable(attempt.error()));
  }
  const bool unexplained = !attempt.failure().empty() && attempt.http_status() == 0;
  // A crash has no more to say than that.
  if (!attempt.reached().empty()) {
    if (unexplained && values == Values::kHidden) {
      parts.push_back(absl::StrCat("why: ", kHiddenValue));
    }
    parts.push_back(Printable(attempt.reached()));
    parts.push_back(absl::StrCat(attempt.latency_us() / 1000, " ms"));
  }
  moments.push_back({attempt.ended_at(), Moment::kAttemptEnd, "attempt",
                     absl::StrCat(attempt.number(), " ends: ", absl::StrJoin(parts, ", "))});
}

std::string Change(const v1::EventRecord& event) {
  if (event.from() == v1::INTENT_STATE_UNSPECIFIED || event.from() == event.to()) {
    return Name(event.to());
  }
  return absl::StrCat(Name(event.from()), " -> ", Name(event.to()));
}

void AddEvent(const v1::EventRecord& event, std::vector<Moment>& moments) {
  moments.push_back(
      {event.at(), Moment::kEvent, Printable(event.kind()),
       absl::StrCat(Change(event), Facts({{"rule", event.rule()},
                                          {"by", event.actor()},
                                          {"evidence", EvidenceText(event.evidence_json())}}))});
}

std::string RenderTimeline(const v1::IntentGeneration& generation, absl::TimeZone zone) {
  std::vector<Moment> moments;
  for (const auto& call : generation.calls()) AddCall(call, moments);
  for (const auto& attempt : generation.attempts()) {
    AddAttempt(attempt, ValuesOf(generation), moments);
  }
  for (const auto& event : generation.events()) AddEvent(event, moments);
  std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return std::make_pair(Nanos(a.at), a.rank) < std::make_pair(Nanos(b.at), b.rank);
  });
  std::vector<std::vector<std::string>> rows;
  for (const Moment& moment : moments) {
    const double offset = static_cast<double>(Nanos(moment.at) - Nanos(moments[0].at)) / 1e9;
    rows.push_back({"  ", TimeText(moment.at, zone), absl::StrFormat("+%.3fs", offset), moment.what,
                    moment.text});
  }
  return Table(rows);
}

// Why the values of a generation are no longer there; "" when nothing took them away.
absl::string_view Gone(const v1::IntentGeneration& generation) {
  for (const v1::EventRecord& event : generation.events()) {
    if (event.kind() == "erased") return "(erased)";
    if (event.kind() == "aged") return "(removed by age: retention.bodies)";
  }
  return "";
}

std::string ValueOf(const v1::IntentGeneration& generation, const std::string& value) {
  const absl::string_view gone = Gone(generation);
  if (value.empty() && !gone.empty()) return std::string(gone);
  return generation.hidden() ? kHiddenValue : Printable(value);
}

std::string ResultOf(const v1::IntentGeneration& generation) {
  const std::string value = ValueOf(generation, generation.result_json());
  return value.empty() && !generation.has_result_json() ? "-" : value;
}

std::string RenderGeneration(const v1::IntentGeneration& generation, absl::TimeZone zone) {
  const v1::IntentSummary& summary = generation.summary();
  const v1::Intent& intent = summary.intent();
  std::vector<std::vector<std::string>> rows = {
      {"", "key", Printable(intent.key())},
      {"", "scope", Printable(generation.scope())},
      {"", "session", Printable(summary.session_id())},
      {"", "safety", Printable(summary.safety())},
      {"", "manifest", Printable(generation.tool_version())},
      {"", "reason",
       absl::StrCat(Printable(summary.reason()),
                    summary.ambiguous() ? " (an attempt was ambiguous)" : "")},
      {"", "attempts", absl::StrCat(intent.attempts())},
      {"", "identity", ValueOf(generation, generation.identity_json())},
      {"", "arguments", ValueOf(generation, generation.arguments_json())},
      {"", "result", ResultOf(generation)}};
  if (summary.has_next_attempt_at()) {
    rows.push_back({"", "next try", TimeText(summary.next_attempt_at(), zone)});
  }
  return absl::StrCat("intent ", Printable(intent.id()), "  generation ", intent.generation(), "  ",
                      Printable(summary.tool()), "  ", Name(intent.state()), "\n", Table(rows),
                      "  what happened\n", RenderTimeline(generation, zone), MoreOf(generation));
}

std::string OrAbsent(const std::string& json) { return json.empty() ? "absent" : json; }

std::string Heading(const v1::ExecuteResponse& answer) {
  std::string head = Name(answer.disposition());
  if (answer.replayed()) absl::StrAppend(&head, ", replayed");
  if (answer.joined()) absl::StrAppend(&head, ", joined");
  if (!answer.reason().empty()) absl::StrAppend(&head, " (", Printable(answer.reason()), ")");
  return head;
}

}  // namespace

std::string RenderIntent(const v1::GetIntentResponse& intent, absl::TimeZone zone) {
  std::vector<std::string> parts;
  for (const auto& generation : intent.generations()) {
    parts.push_back(RenderGeneration(generation, zone));
  }
  return absl::StrJoin(parts, "\n");
}

std::string RenderIntents(const v1::ListIntentsResponse& intents, absl::TimeZone zone) {
  std::vector<std::vector<std::string>> rows = {{"CLAIMED", "INTENT", "GEN", "TOOL", "SESSION",
                                                 "STATE", "SAFETY", "TRIES", "CALLS", "HELD",
                                                 "REASON"}};
  for (const v1::IntentSummary& summary : intents.intents()) {
    const v1::Intent& intent = summary.intent();
    rows.push_back({TimeText(summary.created_at(), zone), Printable(intent.id()),
                    absl::StrCat(intent.generation()), Printable(summary.tool()),
                    Printable(summary.session_id()), Name(intent.state()),
                    Printable(summary.safety()), absl::StrCat(intent.attempts()),
                    absl::StrCat(summary.calls()), absl::StrCat(summary.held_back()),
                    Printable(summary.reason())});
  }
  return Table(rows);
}

void SortByWaiting(v1::ListIntentsResponse& intents) {
  auto& list = *intents.mutable_intents();
  std::stable_sort(list.pointer_begin(), list.pointer_end(),
                   [](const v1::IntentSummary* a, const v1::IntentSummary* b) {
                     return std::make_pair(Nanos(a->review_at()), Nanos(a->created_at())) <
                            std::make_pair(Nanos(b->review_at()), Nanos(b->created_at()));
                   });
}

std::string RenderReviews(const v1::ListIntentsResponse& intents, absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"WAITS", "INTENT", "GEN", "TOOL", "SESSION", "STATE", "TRIES", "WHY"}};
  for (const v1::IntentSummary& summary : intents.intents()) {
    const v1::Intent& intent = summary.intent();
    const absl::Duration age = now - absl::FromUnixNanos(Nanos(summary.review_at()));
    const bool contradicted = intent.state() != v1::INTENT_STATE_REVIEW;
    rows.push_back({absl::FormatDuration(absl::Trunc(age, absl::Seconds(1))),
                    Printable(intent.id()), absl::StrCat(intent.generation()),
                    Printable(summary.tool()), Printable(summary.session_id()),
                    Name(intent.state()), absl::StrCat(intent.attempts()),
                    contradicted ? "what was recorded later contradicts it: see explain"
                                 : Printable(summary.reason())});
  }
  return Table(rows);
}

std::string RenderEvent(const v1::EventRecord& event, absl::TimeZone zone) {
  return absl::StrFormat("%8d  %s  %s  g%d  %-20s  %-9s  %s%s", event.seq(),
                         TimeText(event.at(), zone), Printable(event.intent_id()),
                         event.generation(), Printable(event.tool()), Printable(event.kind()),
                         Change(event), Facts({{"rule", event.rule()}, {"by", event.actor()}}));
}

std::string OlderOf(const v1::ListEventsResponse& last) {
  if (last.searched_from_seq() == 0) return "";
  return absl::StrCat("... events before ", last.searched_from_seq(),
                      " were not looked at: --session, --intent or `onetake ledger export` finds ",
                      "those that match\n");
}

std::vector<Fields> IntentFields(const v1::ListIntentsResponse& intents, absl::TimeZone zone) {
  std::vector<Fields> records;
  for (const v1::IntentSummary& summary : intents.intents()) {
    const v1::Intent& intent = summary.intent();
    records.push_back({{"intent_id", intent.id()},
                       {"generation", absl::StrCat(intent.generation())},
                       {"key", intent.key()},
                       {"tool", summary.tool()},
                       {"session_id", summary.session_id()},
                       {"state", Name(intent.state())},
                       {"reason", summary.reason()},
                       {"safety", summary.safety()},
                       {"ambiguous", summary.ambiguous() ? "true" : "false"},
                       {"attempts", absl::StrCat(intent.attempts())},
                       {"probes", absl::StrCat(summary.probes())},
                       {"calls", absl::StrCat(summary.calls())},
                       {"held_back", absl::StrCat(summary.held_back())},
                       {"created_at", FieldTime(summary.created_at(), zone)},
                       {"settled_at", FieldTime(summary.settled_at(), zone)},
                       {"next_attempt_at", FieldTime(summary.next_attempt_at(), zone)},
                       {"review_at", FieldTime(summary.review_at(), zone)}});
  }
  return records;
}

Fields EventFields(const v1::EventRecord& event, absl::TimeZone zone) {
  return {{"seq", absl::StrCat(event.seq())},
          {"at", FieldTime(event.at(), zone)},
          {"intent_id", event.intent_id()},
          {"generation", absl::StrCat(event.generation())},
          {"tool", event.tool()},
          {"session_id", event.session_id()},
          {"kind", event.kind()},
          {"from", Name(event.from())},
          {"to", Name(event.to())},
          {"rule", event.rule()},
          {"actor", event.actor()},
          {"evidence_json", event.evidence_json()}};
}

Fields CallFields(const v1::CallRecord& call, absl::TimeZone zone) {
  return {{"call_id", call.call_id()},
          {"session_id", call.session_id()},
          {"tool_call_id", call.tool_call_id()},
          {"turn_id", call.turn_id()},
          {"tool", call.tool()},
          {"role", call.role()},
          {"disposition", call.disposition()},
          {"detail", call.detail()},
          {"received_at", FieldTime(call.received_at(), zone)},
          {"answered_at", FieldTime(call.answered_at(), zone)},
          {"intent_id", call.intent_id()},
          {"generation", absl::StrCat(call.generation())},
          {"opened_by", call.opened_by()}};
}

std::string RenderVerdict(const v1::IntentSummary& resolved) {
  const v1::Intent& intent = resolved.intent();
  const std::string head = absl::StrCat("intent ", Printable(intent.id()), " generation ",
                                        intent.generation(), " is ", Name(intent.state()), " now");
  if (resolved.has_review_at()) {
    return absl::StrCat(head, ", but what was seen of it says otherwise: it still waits for a ",
                        "person, and no call does it again. Look once more, and resolve it again");
  }
  switch (intent.state()) {
    case v1::INTENT_STATE_SUCCEEDED: return absl::StrCat(head, "; further calls get its result");
    case v1::INTENT_STATE_REVERSED:
      return absl::StrCat(head, ": it stays undone; the next call may do it again");
    default: return absl::StrCat(head, "; the next call may do it again");
  }
}

std::string RenderAnswer(const v1::ExecuteResponse& answer) {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& name, absl::string_view value) {
    if (!value.empty()) rows.push_back({"", name, Printable(value)});
  };
  add("result", answer.result_json());
  for (const v1::InvalidArgument& invalid : answer.invalid()) {
    add("invalid",
        absl::StrCat(invalid.path(), " ", invalid.reason(),
                     invalid.expected().empty() ? "" : "; expected: ", invalid.expected()));
  }
  for (const v1::ArgumentDiff& diff : answer.conflicts()) {
    add("conflict", absl::StrCat(diff.path(), " recorded ", OrAbsent(diff.recorded_json()),
                                 ", received ", OrAbsent(diff.received_json())));
  }
  if (answer.has_intent()) {
    const v1::Intent& intent = answer.intent();
    add("intent", absl::StrCat(intent.id(), " generation ", intent.generation(), " ",
                               Name(intent.state()), ", attempts: ", intent.attempts()));
  }
  add("confirm", answer.confirm_token());
  add("to model", answer.guidance().llm_text());
  add("say", answer.guidance().say());
  return absl::StrCat(Heading(answer), "\n", Table(rows));
}

}  // namespace onetake
