#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

// Makes the text by which equal values of an attribute are found without being stored. The same
// tenant, name and value give the same text of at most 64 [0-9a-f], others another one, and nobody
// without the secret can tell the value. Thread-safe. It must stay the same for ever, or what was
// recorded is not found.
using BlindIndex = std::function<std::string(absl::string_view tenant, absl::string_view name,
                                             absl::string_view value)>;

// An auditor's filters. All that are set must hold; empty fields do not filter.
struct IntentFilter {
  std::string tenant;
  std::string session_id;
  std::string tool;
  std::optional<IntentState> state;
  std::string id_prefix;                     // of intent id or key; give 4 characters or more
  std::optional<absl::Time> created_after;   // inclusive
  std::optional<absl::Time> created_before;  // exclusive
  // Some call that met the intent ...
  bool held_back_only = false;  // would have written again: CallRole kJoined to kHeld
  bool replayed_only = false;   // was answered from the record or by the same attempt
  bool drift_only = false;      // differed in a guarded argument (R8)
  std::string tool_call_id;     // had this one
  std::string disposition;      // was answered with this one: "NEEDS_REVIEW"
  std::string attribute;        // had this one, which must be an indexed one ...
  std::string attribute_value;  // ... with exactly this value
  bool review_only = false;     // only what waits for a person
};
// Where a page of intents ended. `row` 0: before the first. A time in the infinite future means
// that the list is in the order of rows.
struct IntentPosition {
  absl::Time created_at;
  int64_t row = 0;
};

struct EventFilter {
  std::string tenant;
  std::string intent_id;
  std::string session_id;
  // Tells requests and their answers too, not only changes of intents; with neither of the two
  // above.
  bool with_calls = false;
  // With one of these two, and neither intent_id nor session_id, events come by time (and seq) and
  // not by seq; then `tenant` is required.
  std::optional<absl::Time> at_after;   // inclusive
  std::optional<absl::Time> at_before;  // exclusive
  bool ByTime() const {
    return intent_id.empty() && session_id.empty() &&
           (at_after.has_value() || at_before.has_value());
  }
};
// Where a page of events ended. In a list by seq only `seq` counts.
struct EventPosition {
  absl::Time at = absl::InfinitePast();
  int64_t seq = 0;
};
struct EventPage {
  std::vector<EventRecord> events;
  // In a list by seq: the page leaves out no event up to this one, so the next page begins after
  // it. It is the last event's seq when the page is full, else the last one that was looked at.
  int64_t seen_seq = 0;
  // There may be more now: the page is full, or it ended early.
  bool more = false;
  // Of the last events: those before this one were not looked at, so there may be some that match
  // where the page is not full. 0: all were.
  int64_t searched_from = 0;
};

struct CallFilter {
  std::string tenant;
  std::string session_id;
  std::string tool;
  std::string tool_call_id;
  bool held_back_only = false;
  std::optional<absl::Time> received_after;   // inclusive
  std::optional<absl::Time> received_before;  // exclusive
};
struct CallPosition {
  absl::Time received_at = absl::InfinitePast();
  int64_t row = 0;
};
struct CallSummary {
  int64_t row = 0;  // the ledger's own id of this call
  CallRecord call;  // without attributes
  // The intent that the call met; empty when there is none.
  std::string intent_id;
  int generation = 0;
  std::string opened_by;  // call_id of the call that claimed it
};

// How much waits for a person.
struct ReviewStats {
  int64_t count = 0;
  std::optional<absl::Time> oldest;  // when the oldest of them began to wait
};

// A question: which duplicate writes were prevented.
struct DuplicateQuestion {
  std::string tenant;                         // required
  std::string tool;                           // empty: all
  absl::Time after;                           // calls received at or after
  absl::Time before;                          // and before
  absl::TimeZone zone = absl::UTCTimeZone();  // whose days are counted
  int calls = 0;                              // how many of the newest ones are wanted, 0 to 500
};
struct DuplicateCount {
  std::string day;  // "2026-06-24"
  std::string tool;
  CallRole role = CallRole::kHeld;
  int64_t calls = 0;
};
struct DuplicateStats {
  int64_t calls = 0;                   // received in that time, READs and invalid ones too
  int64_t intents = 0;                 // claimed in that time
  int64_t held_back = 0;               // calls that would have written again
  int64_t intents_held_back = 0;       // intents that these calls met
  std::vector<DuplicateCount> counts;  // by day, tool, role
  std::vector<CallSummary> newest;     // newest first
};

struct IntentSummary {
  IntentRecord intent;  // without arguments, request and result
  int64_t calls = 0;
  int64_t held_back = 0;  // calls that would have written again
};
struct IntentPage {
  std::vector<IntentSummary> intents;
  // Where the next page begins; no value: there is no next page. A page that is not full may have
  // one, and even a page without any intent: every intent up to there was looked at.
  std::optional<IntentPosition> next;
};
struct IntentDetail {
  IntentRecord intent;
  std::vector<AttemptRecord> attempts;
  std::vector<CallRecord> calls;
  std::vector<EventRecord> events;
  bool cut = false;  // of one of these there are more
  // Of all its calls, as in IntentSummary.
  int64_t call_count = 0;
  int64_t held_back = 0;
};

// Auditors' questions, and two of conversations, which auditors do not hold up. Each runs on a
// read-only connection of its own with a time limit of 2 s (DEADLINE_EXCEEDED).
// RESOURCE_EXHAUSTED: too many of them wait. `done` as in ledger.h. Thread-safe. Pages are stable
// under writes: what was there when the first page was asked for comes once, whatever is written
// meanwhile.
class LedgerQueries {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  virtual ~LedgerQueries() = default;

  // Newest first, after `position`. `limit`: 1 to 1000. The newest are those claimed last, or, when
  // one of held_back_only, replayed_only, drift_only and disposition decides, those recorded last;
  // that differs only where the clock was set back. INVALID_ARGUMENT: the attribute is not an
  // indexed one.
  //
  // Every filter alone is served by an index. Of several filters, the one that promises the fewest
  // rows decides and the others sift. A page ends early behind kMaxSifted intents that were sifted
  // out, so that filters which are common alone and rare together hold up nobody.
  static constexpr int kMaxSifted = 2'000;  // some tens of milliseconds
  virtual void ListIntents(IntentFilter filter, IntentPosition position, int limit,
                           Done<IntentPage> done) = 0;
  // All generations, oldest first. `id` is an intent id, a key, or a prefix (>= 4) of one that is
  // unique: NOT_FOUND, INVALID_ARGUMENT when ambiguous. An empty tenant looks in all of them. Each
  // generation comes with at most kDetailRows attempts, calls and events, the oldest.
  static constexpr int kDetailRows = 10'000;
  virtual void GetIntent(std::string tenant, std::string id,
                         Done<std::vector<IntentDetail>> done) = 0;
  // Oldest first, after `position`. `limit`: 1 to 1000. A page by seq, with neither intent_id nor
  // session_id, ends early, even without an event, behind 25 ms of events that do not fit: a tenant
  // that is quiet among others holds up nobody.
  virtual void ListEvents(EventFilter filter, EventPosition position, int limit,
                          Done<EventPage> done) = 0;
  // The last `limit` events that match, the oldest of them first; `seen_seq` is the ledger's last.
  // The list is by seq. It has fewer events, or none, when many match and these lie behind 25 ms of
  // others: `searched_from` says so.
  virtual void LastEvents(EventFilter filter, int limit, Done<EventPage> done) = 0;
  // The seq of the ledger's last event, of whatever tenant, 0 when there is none: a client that
  // follows the ledger begins there. One row is read for it, where calls are looked up.
  virtual void LastSeq(Done<int64_t> done) = 0;
  // The events of one session, as ListEvents would list them, for a conversation that goes on.
  virtual void ListSessionEvents(std::string tenant, std::string session_id, int64_t after_seq,
                                 int limit, Done<EventPage> done) = 0;
  // Oldest first (by received_at), after `position`. `limit`: 1 to 1000.
  virtual void ListCalls(CallFilter filter, CallPosition position, int limit,
                         Done<std::vector<CallSummary>> done) = 0;
  virtual void GetDuplicates(DuplicateQuestion question, Done<DuplicateStats> done) = 0;
  // Counts the reviews of `tenant`; of all tenants when it is empty.
  virtual void GetReviewStats(std::string tenant, Done<ReviewStats> done) = 0;

  // Sets the one listener: `committed` runs after every commit, on the writer's thread, once its
  // waiters are answered, and must not block. Null: none. When this returns, the listener before
  // runs no more.
  virtual void SetCommitListener(std::function<void()> committed) = 0;
};

}  // namespace onetake
