#include "tests/io/answers.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake::io {
namespace {

constexpr int kMost = 1000;
constexpr int kIntents = 9;  // more than a scenario claims

template <typename T, typename Start>
absl::StatusOr<T> Ask(SqliteLedger& ledger, Start start) {
  absl::StatusOr<T> answer = absl::CancelledError("never answered");
  start([&answer](absl::StatusOr<T> given) { answer = std::move(given); });
  while (ledger.RunReads()) {
  }
  return answer;
}

std::string Text(const std::optional<absl::Time>& time) {
  return time.has_value() ? absl::StrCat(absl::ToUnixMicros(*time)) : "none";
}

std::string Text(const IntentRecord& r) {
  return absl::StrCat(
      "intent ", r.row, "|", r.tenant, "|", r.intent_id, "|", r.generation, "|", r.key, "|", r.tool,
      "|", r.tool_version, "|", r.canonicaliser, "|", r.scope, "|", r.session_id, "|", r.safety,
      "|", ToString(r.state), "|", r.ambiguous, "|", r.happened, "|", r.attempts, "|", r.waits, "|",
      r.reason, "|", static_cast<int>(r.bodies), "|", r.identity_json, "|", r.arguments_json, "|",
      r.clear_json, "|", r.request, "|", r.hides, "|", r.guarded, "|",
      r.result_json.value_or("none"), "|", Text(r.created_at), "|", Text(r.first_sent_at), "|",
      Text(r.settled_at), "|", Text(r.next_attempt_at), "|", r.reverses_row, "|", r.probes, "|",
      r.job, "|", r.subject, "|", Text(r.review_at), "\n");
}

std::string Text(const CallRecord& r) {
  return absl::StrCat("call ", r.call_id, "|", r.tenant, "|", r.session_id, "|", r.tool_call_id,
                      "|", r.turn_id, "|", r.tool, "|", r.credential, "|", r.trace_id, "|",
                      r.fingerprint, "|", ToString(r.role), "|", r.intent_row, "|", r.disposition,
                      "|", r.detail, "|", Text(r.received_at), "|", Text(r.answered_at), "\n");
}

std::string Text(const EventRecord& r) {
  return absl::StrCat("event ", r.seq, "|", Text(r.at), "|", r.tenant, "|", r.intent_row, "|",
                      r.intent_id, "|", r.generation, "|", r.tool, "|", r.session_id, "|", r.kind,
                      "|", r.from, "|", r.to, "|", r.rule, "|", r.actor, "|", r.evidence_json,
                      "\n");
}

std::string Text(const AttemptRecord& r) {
  return absl::StrCat("attempt ", r.number, "|", Text(r.started_at), "|", Text(r.ended_at), "|",
                      r.end.reached, "|", r.end.failure, "|", r.end.http_status, "|", r.end.error,
                      "|", absl::ToInt64Microseconds(r.end.latency), "\n");
}

std::string Text(const CallSummary& r) {
  return absl::StrCat(r.row, "|", r.intent_id, "|", r.generation, "|", r.opened_by, " ",
                      Text(r.call));
}

// What the engine sees.
absl::Status AddLookups(SqliteLedger& ledger, std::string& out) {
  for (int n = 1; n <= kIntents; ++n) {
    const ClaimRequest claim = testing::MakeClaim(n);
    ONETAKE_ASSIGN_OR_RETURN(const LookupResult found, Ask<LookupResult>(ledger, [&](auto done) {
                               ledger.Lookup({.tenant = "clinic",
                                              .intent_id = claim.intent.intent_id,
                                              .session_id = "CA1",
                                              .tool_call_id = claim.call.tool_call_id,
                                              .target_intent_id = claim.intent.intent_id},
                                             std::move(done));
                             }));
    absl::StrAppend(&out, "lookup ", n, "\n");
    if (found.call.has_value()) absl::StrAppend(&out, Text(*found.call));
    for (const auto& intent : {found.call_intent, found.latest, found.reversal, found.target}) {
      absl::StrAppend(&out, intent.has_value() ? Text(*intent) : "none\n");
    }
  }
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<IntentRecord> open, ledger.Unsettled(0, kMost));
  for (const IntentRecord& one : open) absl::StrAppend(&out, "unsettled ", Text(one));
  return absl::OkStatus();
}

absl::Status AddEvents(const absl::StatusOr<EventPage>& page, std::string& out) {
  ONETAKE_RETURN_IF_ERROR(page.status());
  absl::StrAppend(&out, "events, seen up to ", page->seen_seq, "\n");
  for (const EventRecord& one : page->events) absl::StrAppend(&out, Text(one));
  return absl::OkStatus();
}

absl::Status AddIntents(SqliteLedger& ledger, const IntentFilter& filter, std::string& out) {
  ONETAKE_ASSIGN_OR_RETURN(const IntentPage page, Ask<IntentPage>(ledger, [&](auto done) {
                             ledger.ListIntents(filter, {}, kMost, std::move(done));
                           }));
  for (const IntentSummary& one : page.intents) {
    absl::StrAppend(&out, "listed ", one.calls, "|", one.held_back, " ", Text(one.intent));
  }
  return absl::OkStatus();
}

// What auditors see.
absl::Status AddLists(SqliteLedger& ledger, std::string& out) {
  for (const IntentFilter& filter :
       {IntentFilter{.tenant = "clinic"}, IntentFilter{.tenant = "clinic", .review_only = true},
        IntentFilter{.tenant = "clinic", .session_id = "CA1"},
        IntentFilter{.tenant = "clinic", .disposition = "DONE"},
        IntentFilter{.tenant = "clinic", .tool_call_id = "toolu_1"},
        IntentFilter{.tenant = "clinic", .held_back_only = true},
        IntentFilter{.tenant = "clinic", .state = IntentState::kSucceeded}}) {
    ONETAKE_RETURN_IF_ERROR(AddIntents(ledger, filter, out));
  }
  for (int n = 1; n <= kIntents; ++n) {
    const auto details = Ask<std::vector<IntentDetail>>(ledger, [&](auto done) {
      ledger.GetIntent("clinic", absl::StrCat("intent", n), std::move(done));
    });
    if (absl::IsNotFound(details.status())) continue;
    ONETAKE_RETURN_IF_ERROR(details.status());
    for (const IntentDetail& one : *details) {
      absl::StrAppend(&out, Text(one.intent));
      for (const AttemptRecord& attempt : one.attempts) absl::StrAppend(&out, Text(attempt));
      for (const CallRecord& call : one.calls) absl::StrAppend(&out, Text(call));
      for (const EventRecord& event : one.events) absl::StrAppend(&out, Text(event));
    }
  }
  const EventFilter filter{.tenant = "clinic", .with_calls = true};
  ONETAKE_RETURN_IF_ERROR(AddEvents(
      Ask<EventPage>(ledger,
                     [&](auto done) { ledger.ListEvents(filter, {}, kMost, std::move(done)); }),
      out));
  ONETAKE_RETURN_IF_ERROR(AddEvents(
      Ask<EventPage>(ledger, [&](auto done) { ledger.LastEvents(filter, 5, std::move(done)); }),
      out));
  ONETAKE_RETURN_IF_ERROR(AddEvents(
      Ask<EventPage>(
          ledger,
          [&](auto done) { ledger.ListSessionEvents("clinic", "CA1", 0, kMost, std::move(done)); }),
      out));
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<CallSummary> calls,
                           Ask<std::vector<CallSummary>>(ledger, [&](auto done) {
                             ledger.ListCalls({.tenant = "clinic"}, {}, kMost, std::move(done));
                           }));
  for (const CallSummary& one : calls) absl::StrAppend(&out, Text(one));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> Answers(SqliteLedger& ledger) {
  std::string out;
  ONETAKE_RETURN_IF_ERROR(AddLookups(ledger, out));
  ONETAKE_RETURN_IF_ERROR(AddLists(ledger, out));
  ONETAKE_ASSIGN_OR_RETURN(const ReviewStats review, Ask<ReviewStats>(ledger, [&](auto done) {
                             ledger.GetReviewStats("clinic", std::move(done));
                           }));
  absl::StrAppend(&out, "review ", review.count, "|", Text(review.oldest), "\n");
  const DuplicateQuestion question{.tenant = "clinic",
                                   .after = absl::UnixEpoch(),
                                   .before = absl::FromUnixSeconds(4'000'000'000),
                                   .calls = 100};
  ONETAKE_ASSIGN_OR_RETURN(const DuplicateStats stats, Ask<DuplicateStats>(ledger, [&](auto done) {
                             ledger.GetDuplicates(question, std::move(done));
                           }));
  absl::StrAppend(&out, "duplicates ", stats.calls, "|", stats.intents, "|", stats.held_back, "\n");
  for (const CallSummary& one : stats.newest) absl::StrAppend(&out, Text(one));
  return out;
}

}  // namespace onetake::io
