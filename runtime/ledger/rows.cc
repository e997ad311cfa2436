#include "runtime/ledger/rows.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/result_ref.h"

namespace onetake {
namespace {

static_assert(kUndoes == "undoes:");  // as the statements have it

std::string Copy(absl::string_view text) { return std::string(text); }

absl::Time ToTime(int64_t column) { return absl::FromUnixMicros(column); }

std::optional<absl::Time> ToTime(std::optional<int64_t> column) {
  if (!column.has_value()) return std::nullopt;
  return absl::FromUnixMicros(*column);
}

// The key is looked up only when there is something to open.
absl::StatusOr<std::string> ReadStored(const Run& run, int index, absl::string_view column,
                                       int64_t intent_row, RowKeys& keys) {
  if (!run.IsBlob(index)) return Copy(run.Text(index));
  ONETAKE_ASSIGN_OR_RETURN(const RowCipher cipher, keys.OfRow(intent_row));
  return cipher.Read(column, run.Blob(index));
}

}  // namespace

std::string sealed_column::Error(int attempt) { return absl::StrCat("error:", attempt); }

absl::StatusOr<CallRole> CallRoleFromString(absl::string_view name) {
  for (const CallRole role :
       {CallRole::kOpened, CallRole::kJoined, CallRole::kReplayed, CallRole::kRedelivered,
        CallRole::kConflict, CallRole::kHeld, CallRole::kUnconfirmed, CallRole::kWithdrawn,
        CallRole::kRead, CallRole::kInvalid}) {
    if (name == ToString(role)) return role;
  }
  return absl::DataLossError("a call of the ledger has an unknown role");
}

int64_t ToColumn(absl::Time time) { return absl::ToUnixMicros(time); }

std::optional<int64_t> ToColumn(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return std::nullopt;
  return absl::ToUnixMicros(*time);
}

absl::StatusOr<IntentRecord> ReadIntent(const Run& run) {
  const std::optional<IntentState> state = IntentStateFromString(run.Text(11));
  if (!state.has_value()) {
    return absl::DataLossError(
        absl::StrCat("intent ", run.Int(0), " of the ledger has an unknown state"));
  }
  IntentRecord intent;
  intent.row = run.Int(0);
  intent.tenant = Copy(run.Text(1));
  intent.intent_id = Copy(run.Text(2));
  intent.generation = static_cast<int>(run.Int(3));
  intent.key = Copy(run.Text(4));
  intent.tool = Copy(run.Text(5));
  intent.tool_version = Copy(run.Text(6));
  intent.canonicaliser = static_cast<int>(run.Int(7));
  intent.scope = Copy(run.Text(8));
  intent.session_id = Copy(run.Text(9));
  intent.safety = Copy(run.Text(10));
  intent.state = *state;
  intent.ambiguous = run.Int(12) != 0;
  intent.attempts = static_cast<int>(run.Int(13));
  intent.reason = Copy(run.Text(14));
  intent.created_at = ToTime(run.Int(15));
  intent.first_sent_at = ToTime(run.Int(16));
  intent.settled_at = ToTime(run.OptionalInt(17));
  intent.next_attempt_at = ToTime(run.OptionalInt(18));
  intent.reverses_row = run.OptionalInt(19).value_or(0);
  intent.probes = static_cast<int>(run.Int(20));
  intent.job = Copy(run.Text(21));
  intent.subject = Copy(run.Text(22));
  intent.review_at = ToTime(run.OptionalInt(23));
  intent.guarded = Copy(run.Text(24));
  if (!run.IsNull(25)) {
    intent.bodies = Bodies::kErased;
  } else if (!run.IsNull(26)) {
    intent.bodies = Bodies::kAged;
  }
  return intent;
}

absl::StatusOr<IntentRecord> ReadFullIntent(const Run& run, RowKeys& keys) {
  constexpr int kFirst = kIntentColumns;
  ONETAKE_ASSIGN_OR_RETURN(IntentRecord intent, ReadIntent(run));
  ONETAKE_ASSIGN_OR_RETURN(const RowCipher cipher, keys.Of(run, kFirst + 9));
  ONETAKE_ASSIGN_OR_RETURN(intent.identity_json,
                           cipher.Read(sealed_column::kIdentity, run.Blob(kFirst)));
  ONETAKE_ASSIGN_OR_RETURN(intent.arguments_json,
                           cipher.Read(sealed_column::kArguments, run.Blob(kFirst + 1)));
  ONETAKE_ASSIGN_OR_RETURN(intent.request,
                           cipher.Read(sealed_column::kRequest, run.Blob(kFirst + 2)));
  if (!run.IsNull(kFirst + 3) && !cipher.IsErased()) {
    ONETAKE_ASSIGN_OR_RETURN(intent.result_json,
                             cipher.Read(sealed_column::kResult, run.Blob(kFirst + 3)));
  }
  if (!cipher.IsErased()) intent.clear_json = Copy(run.Text(kFirst + 4));
  intent.happened = run.Int(kFirst + 5) != 0;
  intent.waits = static_cast<int>(run.Int(kFirst + 6));
  intent.hides = run.Int(kFirst + 7) != 0;
  if (absl::StartsWith(run.Text(kFirst + 8), kUndoes)) {
    intent.undoes_ref = Copy(run.Text(kFirst + 8));
  } else {
    intent.has_result_ref = !run.IsNull(kFirst + 8);
  }
  return intent;
}

absl::StatusOr<CallRecord> ReadCall(const Run& run) {
  CallRecord call;
  ONETAKE_ASSIGN_OR_RETURN(call.role, CallRoleFromString(run.Text(7)));
  call.call_id = Copy(run.Text(0));
  call.tenant = Copy(run.Text(1));
  call.session_id = Copy(run.Text(2));
  call.tool_call_id = Copy(run.Text(3));
  call.turn_id = Copy(run.Text(4));
  call.tool = Copy(run.Text(5));
  call.fingerprint = Copy(run.Text(6));
  call.intent_row = run.Int(8);
  call.disposition = Copy(run.Text(9));
  call.detail = Copy(run.Text(10));
  call.received_at = ToTime(run.Int(11));
  call.answered_at = ToTime(run.OptionalInt(12));
  call.credential = Copy(run.Text(13));
  call.trace_id = Copy(run.Text(14));
  return call;
}

absl::StatusOr<AttemptRecord> ReadAttempt(const Run& run, int64_t intent_row, RowKeys& keys) {
  AttemptRecord attempt;
  attempt.number = static_cast<int>(run.Int(0));
  attempt.started_at = ToTime(run.Int(1));
  attempt.ended_at = ToTime(run.OptionalInt(2));
  attempt.end.number = attempt.number;
  attempt.end.reached = Copy(run.Text(3));
  attempt.end.failure = Copy(run.Text(4));
  attempt.end.http_status = static_cast<int>(run.Int(5));
  ONETAKE_ASSIGN_OR_RETURN(
      attempt.end.error,
      ReadStored(run, 6, sealed_column::Error(attempt.number), intent_row, keys));
  attempt.end.latency = absl::Microseconds(run.Int(7));
  return attempt;
}

absl::StatusOr<EventRecord> ReadEvent(const Run& run, RowKeys& keys) {
  EventRecord event;
  event.seq = run.Int(0);
  event.at = ToTime(run.Int(1));
  event.tenant = Copy(run.Text(2));
  event.intent_row = run.Int(3);
  event.intent_id = Copy(run.Text(4));
  event.generation = static_cast<int>(run.Int(5));
  event.tool = Copy(run.Text(6));
  event.session_id = Copy(run.Text(7));
  event.kind = Copy(run.Text(8));
  event.from = Copy(run.Text(9));
  event.to = Copy(run.Text(10));
  event.rule = Copy(run.Text(11));
  event.actor = Copy(run.Text(12));
  ONETAKE_ASSIGN_OR_RETURN(event.evidence_json,
                           ReadStored(run, 13, sealed_column::kEvidence, event.intent_row, keys));
  return event;
}

}  // namespace onetake
