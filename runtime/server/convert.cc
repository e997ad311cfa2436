#include "runtime/server/convert.h"

#include <algorithm>
#include <iterator>

#include "absl/time/time.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

v1::NextAction ToMessage(NextAction action) {
  switch (action) {
    case NextAction::kProceed: return v1::NEXT_ACTION_PROCEED;
    case NextAction::kWait: return v1::NEXT_ACTION_WAIT;
    case NextAction::kAskUser: return v1::NEXT_ACTION_ASK_USER;
    case NextAction::kFixCall: return v1::NEXT_ACTION_FIX_CALL;
    case NextAction::kHandOff: return v1::NEXT_ACTION_HAND_OFF;
  }
  return v1::NEXT_ACTION_UNSPECIFIED;
}

void Fill(const Guidance& guidance, v1::Guidance& message) {
  message.set_llm_text(guidance.llm_text);
  message.set_say(guidance.say);
  for (const std::string& line : guidance.must_not_say) message.add_must_not_say(line);
  message.set_next_action(ToMessage(guidance.next_action));
  message.set_may_call_again(guidance.may_call_again);
  message.set_check_after_ms(absl::ToInt64Milliseconds(guidance.check_after));
}

void Fill(const IntentRecord& record, v1::IntentSummary& message) {
  Fill(IntentView{.id = record.intent_id,
                  .key = record.key,
                  .generation = record.generation,
                  .state = record.state,
                  .attempts = record.attempts},
       *message.mutable_intent());
  message.set_tool(record.tool);
  message.set_session_id(record.session_id);
  message.set_safety(record.safety);
  message.set_reason(record.reason);
  message.set_ambiguous(record.ambiguous);
  *message.mutable_created_at() = ToTimestamp(record.created_at);
  if (record.settled_at) *message.mutable_settled_at() = ToTimestamp(*record.settled_at);
  if (record.next_attempt_at) {
    *message.mutable_next_attempt_at() = ToTimestamp(*record.next_attempt_at);
  }
  if (record.review_at) *message.mutable_review_at() = ToTimestamp(*record.review_at);
  message.set_probes(record.probes);
}

// The members of evidence that hold only our own names, numbers, and texts of manifests.
constexpr absl::string_view kOpenEvidence[] = {
    "applied_if",         "asked", "calls",           "credential", "finding", "http_status",
    "overwritten_by_row", "probe", "reversed_by_row", "says"};

// The part of the evidence that may be seen without permission to see values; "hidden" says that
// there is more.
std::string OpenPart(const std::string& evidence) {
  if (evidence.empty()) return "";
  const absl::StatusOr<Json> whole = ParseJson(evidence, ResultLimits());
  Json open = Json::object();
  bool hidden = !whole.ok() || !whole->is_object();
  if (!hidden) {
    for (const auto& [name, value] : whole->items()) {
      const bool known = std::find(std::begin(kOpenEvidence), std::end(kOpenEvidence), name) !=
                         std::end(kOpenEvidence);
      if (known) {
        open[name] = value;
      } else {
        hidden = true;
      }
    }
  }
  if (hidden) open["hidden"] = true;
  return DumpJson(open);
}

void Fill(const AttemptRecord& attempt, Values values, v1::AttemptRecord& message) {
  message.set_number(attempt.number);
  *message.mutable_started_at() = ToTimestamp(attempt.started_at);
  if (!attempt.ended_at) return;
  *message.mutable_ended_at() = ToTimestamp(*attempt.ended_at);
  message.set_reached(attempt.end.reached);
  message.set_failure(attempt.end.failure);
  message.set_http_status(attempt.end.http_status);
  if (values == Values::kShown) message.set_error(attempt.end.error);
  message.set_latency_us(absl::ToInt64Microseconds(attempt.end.latency));
}

void Fill(const CallRecord& call, v1::CallRecord& message) {
  message.set_call_id(call.call_id);
  message.set_session_id(call.session_id);
  message.set_tool_call_id(call.tool_call_id);
  message.set_turn_id(call.turn_id);
  message.set_role(std::string(ToString(call.role)));
  message.set_disposition(call.disposition);
  message.set_detail(call.detail);
  message.set_credential(call.credential);
  message.set_trace_id(call.trace_id);
  *message.mutable_received_at() = ToTimestamp(call.received_at);
  if (call.answered_at) *message.mutable_answered_at() = ToTimestamp(*call.answered_at);
}

// The ledger keeps states by name; a name it may keep but the API lacks stays UNSPECIFIED.
v1::IntentState StateByName(absl::string_view name) {
  const std::optional<IntentState> state = IntentStateFromString(name);
  return state.has_value() ? ToMessage(*state) : v1::INTENT_STATE_UNSPECIFIED;
}

// When to come again after a limit that does not say it: a place is free in moments, not minutes.
constexpr int64_t kRetryAfterMs = 500;

bool CauseMayPass(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted ||
         code == absl::StatusCode::kDeadlineExceeded;
}

}  // namespace

void Fill(const absl::Status& status, v1::ErrorDetail& detail) {
  const ErrorDetail known = GetDetail(status).value_or(
      ErrorDetail{.reason = absl::StatusCodeToString(status.code()),
                  .safe_to_resend = CauseMayPass(status.code()),
                  .retry_after_ms = absl::IsResourceExhausted(status) ? kRetryAfterMs : 0});
  detail.set_reason(known.reason);
  detail.set_field(known.field);
  detail.set_safe_to_resend(known.safe_to_resend);
  detail.set_retry_after_ms(known.retry_after_ms);
}

void Fill(const IntentView& view, v1::Intent& message) {
  message.set_id(view.id);
  message.set_key(view.key);
  message.set_generation(view.generation);
  message.set_state(ToMessage(view.state));
  message.set_attempts(view.attempts);
}

v1::IntentState ToMessage(IntentState state) {
  switch (state) {
    case IntentState::kInFlight: return v1::INTENT_STATE_IN_FLIGHT;
    case IntentState::kSucceeded: return v1::INTENT_STATE_SUCCEEDED;
    case IntentState::kRejected: return v1::INTENT_STATE_REJECTED;
    case IntentState::kUnknown: return v1::INTENT_STATE_UNKNOWN;
    case IntentState::kReview: return v1::INTENT_STATE_REVIEW;
    case IntentState::kReversed: return v1::INTENT_STATE_REVERSED;
  }
  return v1::INTENT_STATE_UNSPECIFIED;
}

std::optional<IntentState> FromMessage(v1::IntentState state) {
  switch (state) {
    case v1::INTENT_STATE_IN_FLIGHT: return IntentState::kInFlight;
    case v1::INTENT_STATE_SUCCEEDED: return IntentState::kSucceeded;
    case v1::INTENT_STATE_REJECTED: return IntentState::kRejected;
    case v1::INTENT_STATE_UNKNOWN: return IntentState::kUnknown;
    case v1::INTENT_STATE_REVIEW: return IntentState::kReview;
    case v1::INTENT_STATE_REVERSED: return IntentState::kReversed;
    default: return std::nullopt;
  }
}

std::optional<ToolFormat> FromMessage(v1::ToolFormat format) {
  switch (format) {
    case v1::TOOL_FORMAT_UNSPECIFIED:
    case v1::TOOL_FORMAT_NATIVE: return ToolFormat::kNative;
    case v1::TOOL_FORMAT_OPENAI: return ToolFormat::kOpenAi;
    case v1::TOOL_FORMAT_OPENAI_FLAT: return ToolFormat::kOpenAiFlat;
    case v1::TOOL_FORMAT_ANTHROPIC: return ToolFormat::kAnthropic;
    case v1::TOOL_FORMAT_GEMINI: return ToolFormat::kGemini;
    case v1::TOOL_FORMAT_MCP: return ToolFormat::kMcp;
    default: return std::nullopt;
  }
}

v1::Disposition ToMessage(Disposition disposition) {
  switch (disposition) {
    case Disposition::kDone: return v1::DISPOSITION_DONE;
    case Disposition::kPending: return v1::DISPOSITION_PENDING;
    case Disposition::kRejected: return v1::DISPOSITION_REJECTED;
    case Disposition::kUncertain: return v1::DISPOSITION_UNCERTAIN;
    case Disposition::kNeedsReview: return v1::DISPOSITION_NEEDS_REVIEW;
    case Disposition::kNeedsConfirmation: return v1::DISPOSITION_NEEDS_CONFIRMATION;
    case Disposition::kConflict: return v1::DISPOSITION_CONFLICT;
    case Disposition::kInvalid: return v1::DISPOSITION_INVALID;
    case Disposition::kWithdrawn: return v1::DISPOSITION_WITHDRAWN;
    case Disposition::kFailed: return v1::DISPOSITION_FAILED;
  }
  return v1::DISPOSITION_UNSPECIFIED;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t seconds = absl::ToUnixSeconds(time);  // rounds down
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

absl::StatusOr<absl::Time> FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  constexpr int64_t kFirst = -62'135'596'800;  // 0001-01-01T00:00:00Z
  constexpr int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59Z
  if (timestamp.seconds() < kFirst || timestamp.seconds() > kLast || timestamp.nanos() < 0 ||
      timestamp.nanos() > 999'999'999) {
    return absl::InvalidArgumentError("is not a time from year 1 to 9999");
  }
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

ToolCall ToToolCall(const v1::ExecuteRequest& request, const Principal& caller) {
  ToolCall call;
  call.tenant = caller.tenant;
  call.credential = caller.name;
  call.allowed_tools = caller.tools;
  call.tool = request.tool();
  call.arguments_json = request.arguments_json();
  call.session_id = request.session_id();
  call.tool_call_id = request.tool_call_id();
  call.turn_id = request.turn_id();
  call.intent_id = request.intent_id();
  call.occurrence = request.occurrence();
  call.attributes.insert(request.attributes().begin(), request.attributes().end());
  call.confirm_token = request.confirm_token();
  call.language = request.language();
  call.trace = ParseTraceparent(request.traceparent());
  if (request.has_patience_ms()) call.patience = absl::Milliseconds(request.patience_ms());
  return call;
}

void Fill(const Answer& answer, v1::ExecuteResponse& response) {
  response.set_disposition(ToMessage(answer.disposition));
  response.set_replayed(answer.replayed);
  response.set_joined(answer.joined);
  response.set_result_json(answer.result_json);
  response.set_result_unavailable(answer.result_unavailable);
  if (answer.first_done_at) *response.mutable_first_done_at() = ToTimestamp(*answer.first_done_at);
  if (answer.intent) Fill(*answer.intent, *response.mutable_intent());
  Fill(answer.guidance, *response.mutable_guidance());
  for (const InvalidArgument& invalid : answer.invalid) {
    v1::InvalidArgument& message = *response.add_invalid();
    message.set_path(invalid.path);
    message.set_reason(invalid.reason);
    message.set_expected(invalid.expected);
  }
  for (const ArgumentDiff& diff : answer.conflicts) {
    v1::ArgumentDiff& message = *response.add_conflicts();
    message.set_path(diff.path);
    message.set_recorded_json(diff.recorded);
    message.set_received_json(diff.received);
  }
  response.set_confirm_token(answer.confirm_token);
  response.set_reason(answer.reason);
  v1::Latency& latency = *response.mutable_latency();
  latency.set_queue_us(absl::ToInt64Microseconds(answer.queue_latency));
  latency.set_ledger_us(absl::ToInt64Microseconds(answer.ledger_latency));
  latency.set_downstream_us(absl::ToInt64Microseconds(answer.downstream_latency));
}

void Fill(const Tool& tool, v1::ToolDescription& description) {
  description.set_name(tool.name);
  description.set_description(tool.description);
  const bool write = tool.effect == Effect::kWrite;
  description.set_effect(write ? v1::EFFECT_WRITE : v1::EFFECT_READ);
  if (write) description.set_safety(ToString(tool.safety));
  description.set_version(tool.version);
  description.set_parameters_json(DumpJson(tool.parameters->document()));
  description.set_patience_ms(absl::ToInt64Milliseconds(tool.timeouts.patience));
  description.set_filler_ms(absl::ToInt64Milliseconds(tool.timeouts.filler));
}

void Fill(const IntentSummary& summary, v1::IntentSummary& message) {
  Fill(summary.intent, message);
  message.set_calls(summary.calls);
  message.set_held_back(summary.held_back);
}

void Fill(const IntentDetail& detail, Values values, v1::IntentGeneration& message) {
  const IntentRecord& record = detail.intent;
  Fill(record, *message.mutable_summary());
  message.mutable_summary()->set_calls(detail.call_count);
  message.mutable_summary()->set_held_back(detail.held_back);
  message.set_cut(detail.cut);
  message.set_tool_version(record.tool_version);
  message.set_canonicaliser(record.canonicaliser);
  message.set_scope(record.scope);
  message.set_hidden(values == Values::kHidden);
  if (values == Values::kShown) {
    message.mutable_summary()->set_job(record.job);
    message.set_identity_json(record.identity_json);
    message.set_arguments_json(record.arguments_json);
    message.set_request(record.request);
    if (record.result_json) message.set_result_json(*record.result_json);
  }
  for (const AttemptRecord& attempt : detail.attempts) {
    Fill(attempt, values, *message.add_attempts());
  }
  for (const CallRecord& call : detail.calls) Fill(call, *message.add_calls());
  for (const EventRecord& event : detail.events) Fill(event, values, *message.add_events());
}

void Fill(const EventRecord& event, Values values, v1::EventRecord& message) {
  message.set_seq(event.seq);
  *message.mutable_at() = ToTimestamp(event.at);
  message.set_intent_id(event.intent_id);
  message.set_generation(event.generation);
  message.set_tool(event.tool);
  message.set_session_id(event.session_id);
  message.set_kind(event.kind);
  message.set_from(StateByName(event.from));
  message.set_to(StateByName(event.to));
  message.set_rule(event.rule);
  message.set_actor(event.actor);
  message.set_evidence_json(values == Values::kShown ? event.evidence_json
                                                     : OpenPart(event.evidence_json));
}

void Fill(const ChainPage& page, v1::VerifyChainResponse& message) {
  message.set_events(page.events);
  message.set_hash(page.head.hash.ToHex());
  if (page.finding.has_value()) {
    message.mutable_fault()->set_seq(page.finding->seq);
    message.mutable_fault()->set_how(page.finding->how);
    message.mutable_fault()->set_what(page.finding->what);
  } else if (!page.at_end) {
    message.set_next_seq(page.head.seq + 1);
  }
}

void Fill(const CallSummary& summary, v1::CallRecord& message) {
  Fill(summary.call, message);
  message.set_tool(summary.call.tool);
  message.set_intent_id(summary.intent_id);
  message.set_generation(summary.generation);
  message.set_opened_by(summary.opened_by);
}

void Fill(const DuplicateStats& stats, v1::DuplicateReportResponse& response) {
  response.set_calls(stats.calls);
  response.set_intents(stats.intents);
  response.set_held_back(stats.held_back);
  response.set_intents_held_back(stats.intents_held_back);
  for (const DuplicateCount& count : stats.counts) {
    v1::DuplicateCount& message = *response.add_counts();
    message.set_day(count.day);
    message.set_tool(count.tool);
    message.set_role(std::string(ToString(count.role)));
    message.set_calls(count.calls);
  }
  for (const CallSummary& call : stats.newest) Fill(call, *response.add_newest());
}

}  // namespace onetake
