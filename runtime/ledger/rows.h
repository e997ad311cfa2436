#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/ledger/ledger.h"
#include "runtime/ledger/row_cipher.h"
#include "runtime/store/statement.h"

// Conversion between rows and records. The column lists and the readers below belong together: a
// reader takes the columns of its list, in that order, from the front of the row.

#define ONETAKE_INTENT_COLUMNS                                                                 \
  "i.intent_row, i.tenant, i.intent_id, i.generation, i.key, i.tool, i.tool_version,"          \
  " i.canonicaliser, i.scope, i.session_id, i.safety, i.state, i.ambiguous, i.attempts,"       \
  " i.reason, i.created_at, i.first_sent_at, i.settled_at, i.next_attempt_at, i.reverses_row," \
  " i.probes, i.job, i.subject, i.review_at, i.guarded, i.erased_at, i.aged_at"
// An intent with its bodies: "SELECT " ONETAKE_FULL_INTENT " WHERE i. ..."
#define ONETAKE_FULL_INTENT                                                                   \
  ONETAKE_INTENT_COLUMNS                                                                      \
  ", b.identity, b.arguments, q.request, r.result, b.clear, EXISTS (SELECT 1 FROM attempts a" \
  " WHERE a.intent_row = i.intent_row AND a.failure = 'BODY_UNREADABLE'),"                    \
  " (SELECT count(*) FROM attempts a WHERE a.intent_row = i.intent_row"                       \
  " AND a.failure = 'KEY_IN_USE'), coalesce(q.hides, 0), i.result_ref, " ONETAKE_SEAL_COLUMNS \
  " FROM intents i"                                                                           \
  " LEFT JOIN bodies b USING (intent_row) LEFT JOIN requests q USING (intent_row)"            \
  " LEFT JOIN results r USING (intent_row)" ONETAKE_SEAL_JOIN
// The rows of intents that are not settled; more conditions may follow. The index is named because
// the planner would not see that they are few.
#define ONETAKE_OPEN_INTENTS \
  "SELECT intent_row FROM intents INDEXED BY intents_unsettled WHERE settled_at IS NULL"
// The rows of the writes that undo row ?1: that named it at their claim, or that named its result
// before it was known (kUndoes).
#define ONETAKE_REVERSALS                                                                   \
  "SELECT intent_row FROM intents WHERE reverses_row = ?1"                                  \
  " UNION ALL SELECT later.intent_row FROM intents undone JOIN intents later"               \
  " ON later.result_ref = 'undoes:' || undone.result_ref AND +later.tenant = undone.tenant" \
  " AND +later.intent_row > undone.intent_row WHERE undone.intent_row = ?1"
// The rows of the writes that undo one of those: when they succeed, row ?1 stands again.
#define ONETAKE_REVERSALS_UNDONE                                                            \
  "SELECT intent_row FROM intents WHERE reverses_row IN (" ONETAKE_REVERSALS                \
  ") UNION ALL SELECT again.intent_row FROM intents by_ref CROSS JOIN intents again"        \
  " ON again.result_ref = 'undoes:' || by_ref.result_ref AND +again.tenant = by_ref.tenant" \
  " AND +again.intent_row > by_ref.intent_row WHERE by_ref.intent_row IN (" ONETAKE_REVERSALS ")"
// The row that the write of row ?1 has undone by its name (kUndoes), without having known it.
#define ONETAKE_UNDONE_BY_NAME                                                        \
  "SELECT undone.intent_row FROM intents own JOIN intents undone"                     \
  " ON undone.result_ref = substr(own.result_ref, 8) AND +undone.tenant = own.tenant" \
  " AND +undone.intent_row < own.intent_row"                                          \
  " WHERE own.intent_row = ?1 AND substr(own.result_ref, 1, 7) = 'undoes:'"           \
  " AND undone.state = 'REVERSED' ORDER BY undone.intent_row DESC LIMIT 1"
// What sets the same thing (subject.h) as row ?1; more conditions may follow.
#define ONETAKE_SET_BESIDE                                               \
  " intents own CROSS JOIN intents other ON other.subject = own.subject" \
  " AND other.subject != '' AND +other.tenant = own.tenant"              \
  " WHERE own.intent_row = ?1 AND substr(own.subject, 1, 5) = 'sets:'"
// Of an intent: it has no name by which another write could undo it, and may have taken effect.
#define ONETAKE_NAMELESS                                                       \
  " i.result_ref IS NULL AND (i.settled_at IS NULL OR i.review_at IS NOT NULL" \
  " OR i.state = 'SUCCEEDED')"
// Whether the write of that alias may have taken effect, for all that is known: it was not refused,
// or somebody said so of it and is contradicted, or may be yet (LedgerWrites::Resolve).
#define ONETAKE_MAY_HAVE_HAPPENED(alias)      \
  "(+" alias ".state != 'REJECTED' OR " alias \
  ".review_at IS NOT NULL OR"                 \
  " EXISTS (SELECT 1 FROM meta WHERE name = 'under_way:' || " alias ".intent_row))"

#define ONETAKE_CALL_COLUMNS                                                                     \
  "c.call_id, c.tenant, c.session_id, c.tool_call_id, c.turn_id, c.tool, c.fingerprint, c.role," \
  " c.intent_row, c.disposition, c.detail, c.received_at, c.answered_at, c.credential, c.trace_id"
#define ONETAKE_ATTEMPT_COLUMNS \
  "number, started_at, ended_at, reached, failure, http_status, error, latency_us"
#define ONETAKE_EVENT_COLUMNS                                                                     \
  "e.seq, e.at, e.tenant, e.intent_row, e.intent_id, e.generation, e.tool, e.session_id, e.kind," \
  " e.from_state, e.to_state, e.rule, e.actor, e.evidence"
// Kinds of events that are about a call and change no generation.
#define ONETAKE_CALL_KINDS "('call', 'answered')"
// Roles of calls that would have written again had nothing held them back. The condition is in the
// very words of the partial indexes, or they are not used.
#define ONETAKE_HELD_BACK(role)                            \
  "(" role " = 'joined' OR " role " = 'replayed' OR " role \
  " = 'redelivered'"                                       \
  " OR " role " = 'conflict' OR " role " = 'held')"
#define ONETAKE_REPLAYED(role) \
  "(" role " = 'joined' OR " role " = 'replayed' OR " role " = 'redelivered')"

namespace onetake {

inline constexpr int kIntentColumns = 27;
inline constexpr int kCallColumns = 15;

// The most rows that a question may bring back.
inline constexpr int kMaxRows = 1000;
constexpr int ClampLimit(int limit) { return limit < 1 ? 1 : limit > kMaxRows ? kMaxRows : limit; }

// A text that sorts after everything that begins with `prefix`: no byte of UTF-8 is 0xff.
inline std::string EndOfPrefix(const std::string& prefix) { return prefix + '\xff'; }

// Times are stored as microseconds since 1970, UTC.
int64_t ToColumn(absl::Time time);
std::optional<int64_t> ToColumn(const std::optional<absl::Time>& time);

// DATA_LOSS when `name` is no role that this program knows.
absl::StatusOr<CallRole> CallRoleFromString(absl::string_view name);

// DATA_LOSS when the row holds a word this program does not know.
absl::StatusOr<IntentRecord> ReadIntent(const Run& run);  // ONETAKE_INTENT_COLUMNS
// Reads ONETAKE_FULL_INTENT, with its fields unsealed.
absl::StatusOr<IntentRecord> ReadFullIntent(const Run& run, RowKeys& keys);
absl::StatusOr<CallRecord> ReadCall(const Run& run);  // ONETAKE_CALL_COLUMNS
// Reads ONETAKE_ATTEMPT_COLUMNS of `intent_row`, unsealed.
absl::StatusOr<AttemptRecord> ReadAttempt(const Run& run, int64_t intent_row, RowKeys& keys);
absl::StatusOr<EventRecord> ReadEvent(const Run& run, RowKeys& keys);  // ONETAKE_EVENT_COLUMNS

// Names of sealed columns, part of what is authenticated.
namespace sealed_column {
inline constexpr absl::string_view kIdentity = "identity";
inline constexpr absl::string_view kArguments = "arguments";
inline constexpr absl::string_view kRequest = "request";
inline constexpr absl::string_view kResult = "result";
inline constexpr absl::string_view kEvidence = "evidence";
std::string Error(int attempt);  // one for each attempt
}  // namespace sealed_column

}  // namespace onetake
