#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/system_clock.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake::testing {

// A moment in the ledger's own resolution, `seconds` after a fixed one.
inline absl::Time At(int seconds) { return absl::FromUnixSeconds(1'782'000'000 + seconds); }

// The claim of intent "intent<n>" by call "call<n>", at At(n).
inline ClaimRequest MakeClaim(int n) {
  ClaimRequest request;
  IntentRecord& intent = request.intent;
  intent.tenant = "clinic";
  intent.intent_id = absl::StrCat("intent", n);
  intent.generation = 1;
  intent.key = absl::StrCat("key", n);
  intent.tool = "book_appointment";
  intent.tool_version = "v1";
  intent.canonicaliser = 3;
  intent.scope = "session:CA1";
  intent.session_id = "CA1";
  intent.safety = "KEYED";
  intent.identity_json = R"({"slot_iso":"2026-06-24T19:00:00Z"})";
  intent.arguments_json = R"({"notes":"x","slot_iso":"2026-06-24T19:00:00Z"})";
  intent.request = R"({"method":"POST"})";
  intent.created_at = At(n);
  intent.first_sent_at = At(n);
  CallRecord& call = request.call;
  call.call_id = absl::StrCat("call", n);
  call.tenant = intent.tenant;
  call.session_id = intent.session_id;
  call.tool_call_id = absl::StrCat("toolu_", n);
  call.turn_id = "turn1";
  call.tool = intent.tool;
  call.fingerprint = absl::StrCat("print", n);
  call.role = CallRole::kOpened;
  call.received_at = At(n);
  return request;
}

inline AttemptEnd EndOf(int number, std::string failure) {
  AttemptEnd end;
  end.number = number;
  end.reached = "body_complete";
  end.failure = std::move(failure);
  end.http_status = 200;
  end.latency = absl::Milliseconds(4200);
  return end;
}

inline Transition MakeTransition(int64_t row, IntentState from, IntentState to) {
  Transition transition;
  transition.row = row;
  transition.from = from;
  transition.to = to;
  transition.rule = "table.test";
  transition.actor = "engine";
  transition.at = At(100);
  return transition;
}

inline Transition Success(int64_t row, std::string result) {
  Transition transition = MakeTransition(row, IntentState::kInFlight, IntentState::kSucceeded);
  transition.attempt_end = EndOf(1, "");
  transition.result_json = std::move(result);
  return transition;
}

// A ledger in a folder of its own, and its methods as blocking calls.
class LedgerFixture : public ::testing::Test {
 protected:
  using Threading = SqliteLedger::Threading;

  SqliteLedger::Options DefaultOptions() const {
    SqliteLedger::Options options;
    options.path = Path();
    return options;
  }
  SqliteLedger::Options SealedOptions() const {
    SqliteLedger::Options options = DefaultOptions();
    options.key_ring = MakeKeyRing({kMasterKey});
    options.sealing.new_rows = RowKeys::NewRows::kSealed;
    return options;
  }
  static constexpr char kMasterKey[] = "master key one, 32 bytes or more";
  static std::shared_ptr<KeyRing> MakeKeyRing(std::vector<std::string> texts) {
    std::vector<Secret> masters;
    for (std::string& text : texts) masters.emplace_back(std::move(text));
    return std::make_shared<KeyRing>(std::move(masters));
  }
  std::string Path() const { return dir_.Path("ledger.db"); }

  void OpenWith(SqliteLedger::Options options) {
    threading_ = options.threading;
    absl::StatusOr<std::unique_ptr<SqliteLedger>> ledger =
        SqliteLedger::Open(std::move(options), clock_);
    ASSERT_THAT(ledger, IsOk());
    ledger_ = *std::move(ledger);
  }
  void OpenDefault() { OpenWith(DefaultOptions()); }
  void Close() { ledger_.reset(); }

  // The one that these methods ask, as far as they need no more than its interface.
  virtual Ledger& ledger() { return *ledger_; }

  // Runs `start` with a callback and returns what the callback is given.
  template <typename T, typename Start>
  T Await(Start start) {
    struct State {
      std::optional<T> value;
      absl::Notification notification;
    };
    auto state = std::make_shared<State>();
    start([state](T value) {
      state->value = std::move(value);
      state->notification.Notify();
    });
    while (threading_ == Threading::kManual && !state->notification.HasBeenNotified()) {
      if (!ledger_->RunPending()) break;
    }
    state->notification.WaitForNotification();
    return *std::move(state->value);
  }

  absl::StatusOr<ClaimResult> Claim(ClaimRequest request) {
    return Await<absl::StatusOr<ClaimResult>>(
        [&](auto done) { ledger().Claim(std::move(request), std::move(done)); });
  }
  // The row of a claim that must be granted.
  int64_t Claimed(ClaimRequest request) {
    const absl::StatusOr<ClaimResult> result = Claim(std::move(request));
    EXPECT_THAT(result, IsOk());
    if (!result.ok()) return 0;
    EXPECT_TRUE(result->granted);
    return result->row;
  }
  absl::Status Apply(Transition transition) {
    return Await<absl::StatusOr<Applied>>(
               [&](auto done) { ledger().Apply(std::move(transition), std::move(done)); })
        .status();
  }
  absl::StatusOr<IntentRecord> RecordLate(LateOutcome outcome) {
    return Await<absl::StatusOr<IntentRecord>>(
        [&](auto done) { ledger().RecordLate(std::move(outcome), std::move(done)); });
  }
  absl::StatusOr<IntentRecord> Resolve(Resolution resolution) {
    return Await<absl::StatusOr<IntentRecord>>(
        [&](auto done) { ledger().Resolve(std::move(resolution), std::move(done)); });
  }
  ReviewStats InReview(const std::string& tenant = "clinic") {
    return Await<absl::StatusOr<ReviewStats>>(
               [&](auto done) { ledger_->GetReviewStats(tenant, std::move(done)); })
        .value_or(ReviewStats{});
  }
  absl::StatusOr<LookupResult> Lookup(LookupRequest request) {
    return Await<absl::StatusOr<LookupResult>>(
        [&](auto done) { ledger().Lookup(std::move(request), std::move(done)); });
  }
  LookupResult Found(const std::string& intent_id, const std::string& tool_call_id = "") {
    const absl::StatusOr<LookupResult> result = Lookup({.tenant = "clinic",
                                                        .intent_id = intent_id,
                                                        .session_id = "CA1",
                                                        .tool_call_id = tool_call_id});
    EXPECT_THAT(result, IsOk());
    return result.value_or(LookupResult{});
  }
  std::optional<IntentRecord> Latest(const std::string& intent_id) {
    return Found(intent_id).latest;
  }
  // Waits for the commit of a call that nobody is told about.
  void Record(CallRecord call) {
    ledger().RecordCall(std::move(call));
    Apply(MakeTransition(-1, IntentState::kInFlight, IntentState::kUnknown)).IgnoreError();
  }
  absl::StatusOr<IntentPage> ListPage(IntentFilter filter, IntentPosition position = {},
                                      int limit = 100) {
    return Await<absl::StatusOr<IntentPage>>([&](auto done) {
      ledger_->ListIntents(std::move(filter), position, limit, std::move(done));
    });
  }
  absl::StatusOr<std::vector<IntentSummary>> List(IntentFilter filter, IntentPosition position = {},
                                                  int limit = 100) {
    absl::StatusOr<IntentPage> page = ListPage(std::move(filter), position, limit);
    if (!page.ok()) return page.status();
    return std::move(page->intents);
  }
  absl::StatusOr<std::vector<IntentDetail>> Get(std::string id, std::string tenant = "clinic") {
    return Await<absl::StatusOr<std::vector<IntentDetail>>>(
        [&](auto done) { ledger_->GetIntent(std::move(tenant), std::move(id), std::move(done)); });
  }
  absl::StatusOr<EventPage> EventPageOf(EventFilter filter, EventPosition position = {},
                                        int limit = 1000) {
    return Await<absl::StatusOr<EventPage>>([&](auto done) {
      ledger_->ListEvents(std::move(filter), position, limit, std::move(done));
    });
  }
  absl::StatusOr<std::vector<EventRecord>> Events(EventFilter filter = {}, int64_t after_seq = 0,
                                                  int limit = 1000) {
    absl::StatusOr<EventPage> page =
        EventPageOf(std::move(filter), {absl::InfinitePast(), after_seq}, limit);
    if (!page.ok()) return page.status();
    return page->events;
  }
  absl::StatusOr<std::vector<CallSummary>> Calls(CallFilter filter, CallPosition position = {},
                                                 int limit = 1000) {
    return Await<absl::StatusOr<std::vector<CallSummary>>>([&](auto done) {
      ledger_->ListCalls(std::move(filter), position, limit, std::move(done));
    });
  }

  SystemClock clock_;
  TempDir dir_;
  Threading threading_ = Threading::kThreads;
  std::unique_ptr<SqliteLedger> ledger_;
};

}  // namespace onetake::testing
