#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

// By which equal values of an attribute are found without being stored: the same tenant, name and
// value give the same text of at most 64 [0-9a-f], others another one, and nobody without its
// secret can tell the value. Thread-safe; for ever the same, or what was recorded is not found.
using BlindIndex = std::function<std::string(absl::string_view tenant, absl::string_view name,
                                             absl::string_view value)>;

// Filters of an auditor. All that are set must hold; empty fields do not filter.
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
  std::string disposition;      // was answered so: "NEEDS_REVIEW"
  std::string attribute;        // had this one, which must be an indexed one ...
  std::string attribute_value;  // ... with exactly this value
  bool review_only = false;     // what waits for a person
};
// Where a page of intents ended. `row` 0: before the first. A time in the infinite future: the list
// is in the order of rows.
struct IntentPosition {
  absl::Time created_at;
  int64_t row = 0;
};

struct EventFilter {
  std::string tenant;
  std::string intent_id;
  std::string session_id;
  // Requests and their answers too, not only changes of intents; with neither of the two above.
  bool with_calls = false;
  // With one of these, and neither intent_id nor session_id, events come by time (and seq) and not
  // by seq; then `tenant` is required.
  std::optional<absl::Time> at_after;   // inclusive
  std::optional<absl::Time> at_before;  // exclusive
  bool ByTime() const {
    return intent_id.empty() && session_id.empty() &&
           (at_after.has_value() || at_before.has_value());
  }
};
// Where a page of events ended. By seq only `seq` counts.
struct EventPosition {
  absl::Time at = absl::InfinitePast();
  int64_t seq = 0;
};
struct EventPage {
  std::vector<EventRecord> events;
  // By seq: no event up to this one is left out by the page, so the next page begins after it. The
  // last event's seq when the page is full, else the last one that was looked at.
  int64_t seen_seq = 0;
  // There may be more now: the page is full, or it ended early.
  bool more = false;
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
  // Of the intent that it met; empty when there is none.
  std::string intent_id;
  int generation = 0;
  std::string opened_by;  // call_id of the call that claimed it
};

// What waits for a person.
struct ReviewStats {
  int64_t count = 0;
  std::optional<absl::Time> oldest;  // since when the oldest of them waits
};

// Which duplicate writes were prevented.
struct DuplicateQuestion {
  std::string tenant;                         // required
  std::string tool;                           // empty: all
  absl::Time after;                           // calls received at or after
  absl::Time before;                          // and before
  absl::TimeZone zone = absl::UTCTimeZone();  // whose days are counted
  int calls = 0;                              // so many of the newest ones are wanted, 0 to 500
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
  // Where the next page begins; none: there is none. A page that is not full may have one, and even
  // a page without any intent: every intent up to there was looked at.
  std::optional<IntentPosition> next;
};
struct IntentDetail {
  IntentRecord intent;
  std::vector<AttemptRecord> attempts;
  std::vector<CallRecord> calls;
  std::vector<EventRecord> events;
};

// Questions of auditors. Each runs on a read-only connection of its own with a time limit of 2 s
// (DEADLINE_EXCEEDED). `done` as in ledger.h. Thread-safe. Pages are stable under writes: what was
// there when the first one was asked for comes once, whatever is written meanwhile.
class LedgerQueries {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  virtual ~LedgerQueries() = default;

  // Newest first, after `position`. `limit`: 1 to 1000. The newest are those claimed last, or, when
  // one of held_back_only, replayed_only, drift_only and disposition decides, those recorded last;
  // that differs only where the clock was set back.
  // INVALID_ARGUMENT: the attribute is not an indexed one.
  //
  // Every filter alone is served by an index. Of several, the one that promises the fewest decides
  // and the others sift. A page ends early behind kMaxSifted intents that were sifted out, so that
  // filters which are common alone and rare together hold up nobody.
  static constexpr int kMaxSifted = 2'000;  // some tens of milliseconds
  virtual void ListIntents(IntentFilter filter, IntentPosition position, int limit,
                           Done<IntentPage> done) = 0;
  // All generations, oldest first. `id` is an intent id, a key, or a prefix (>= 4) of one that is
  // unique: NOT_FOUND, INVALID_ARGUMENT when ambiguous. An empty tenant looks in all of them. Of
  // each generation at most kDetailRows calls and events, the oldest.
  static constexpr int kDetailRows = 10'000;
  virtual void GetIntent(std::string tenant, std::string id,
                         Done<std::vector<IntentDetail>> done) = 0;
  // Oldest first, after `position`. `limit`: 1 to 1000. A page by seq, with neither intent_id nor
  // session_id, ends early, even without an event, behind 25 ms of events that do not fit: a tenant
  // that is quiet among others holds up nobody.
  virtual void ListEvents(EventFilter filter, EventPosition position, int limit,
                          Done<EventPage> done) = 0;
  // The last `limit` events that match, oldest of them first; `seen_seq` is the ledger's last. By
  // seq. Fewer, or none, when many match and these lie behind 25 ms of others.
  virtual void LastEvents(EventFilter filter, int limit, Done<EventPage> done) = 0;
  // The ledger's last event, of whatever tenant, 0 when there is none: where somebody who follows
  // the ledger begins. One row is read for it.
  virtual void LastSeq(Done<int64_t> done) = 0;
  // Oldest first (by received_at), after `position`. `limit`: 1 to 1000.
  virtual void ListCalls(CallFilter filter, CallPosition position, int limit,
                         Done<std::vector<CallSummary>> done) = 0;
  virtual void GetDuplicates(DuplicateQuestion question, Done<DuplicateStats> done) = 0;
  // An empty tenant counts all of them.
  virtual void GetReviewStats(std::string tenant, Done<ReviewStats> done) = 0;

  // `committed` runs after every commit, on the writer's thread, once its waiters are answered: it
  // must not block. One listener; null: none. When this returns, the one before runs no more.
  virtual void SetCommitListener(std::function<void()> committed) = 0;
};

}  // namespace onetake
