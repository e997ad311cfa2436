// The auditors' questions, by method and by view.

#include <gmock/gmock.h>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using S = IntentState;

// A ledger with some history:
//   intent1  CA1  book    SUCCEEDED, replayed and redelivered once each
//   intent2  CA1  cancel  IN_FLIGHT
//   intent3  CA2  book    UNKNOWN, one call held, one refused for a conflict
//   intent4  CA2  book    REJECTED, and generation 2 IN_FLIGHT
//   intent1  CA1  book    IN_FLIGHT, of tenant "other"
class LedgerQueriesTest : public LedgerFixture {
 protected:
  void SetUp() override {
    OpenDefault();
    ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), R"({"id":7})")), IsOk());
    Repeat(1, "call1b", CallRole::kReplayed, "toolu_1b");
    Repeat(1, "call1c", CallRole::kRedelivered, "toolu_1");
    ClaimRequest cancel = MakeClaim(2);
    cancel.intent.tool = cancel.call.tool = "cancel_appointment";
    Claimed(cancel);
    Transition lost =
        MakeTransition(Claimed(InSession(MakeClaim(3), "CA2")), S::kInFlight, S::kUnknown);
    lost.attempt_end = EndOf(1, "LOST");
    ASSERT_THAT(Apply(lost), IsOk());
    Repeat(3, "call3b", CallRole::kHeld, "toolu_3b");
    Repeat(3, "call3c", CallRole::kConflict, "toolu_3c");
    Transition rejected =
        MakeTransition(Claimed(InSession(MakeClaim(4), "CA2")), S::kInFlight, S::kRejected);
    rejected.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
    ASSERT_THAT(Apply(rejected), IsOk());
    ClaimRequest second = InSession(MakeClaim(4), "CA2");
    second.intent.generation = 2;
    second.intent.key = "key4:g2";
    second.call.call_id = "call4b";
    second.call.tool_call_id = "toolu_4b";
    Claimed(second);
    ClaimRequest other = MakeClaim(1);
    other.intent.tenant = other.call.tenant = "other";
    other.intent.key = "key1other";
    other.call.call_id = "other1";
    Claimed(other);
  }
  static ClaimRequest InSession(ClaimRequest request, const std::string& session) {
    request.intent.session_id = request.call.session_id = session;
    return request;
  }
  // Another call for intent n, received 20 s after the first attempt.
  void Repeat(int n, const std::string& call_id, CallRole role, const std::string& tool_call_id) {
    const std::optional<IntentRecord> intent = Latest(absl::StrCat("intent", n));
    CallRecord call = MakeClaim(n).call;
    call.call_id = call_id;
    call.session_id = intent->session_id;
    call.tool_call_id = tool_call_id;
    call.role = role;
    call.intent_row = intent->row;
    call.received_at = At(n + 20);
    call.disposition = "DONE";
    Record(call);
  }
  std::vector<std::string> Listed(IntentFilter filter, IntentPosition position = {},
                                  int limit = 100) {
    const auto summaries = List(std::move(filter), position, limit);
    EXPECT_THAT(summaries, IsOk());
    std::vector<std::string> names;
    for (const IntentSummary& summary : *summaries) {
      names.push_back(absl::StrCat(summary.intent.tenant, "/", summary.intent.intent_id, "/",
                                   summary.intent.generation));
    }
    return names;
  }
  // First column of every row, as text; "row|row|row" of the whole answer.
  std::string Ask(SqlLiteral sql) {
    auto db = Database::Open({Path(), Database::Access::kReader, ""});
    EXPECT_THAT(db, IsOk());
    absl::StatusOr<Statement> statement = (*db)->Prepare(sql);
    EXPECT_THAT(statement, IsOk());
    std::string answer;
    onetake::Run run(*statement);
    EXPECT_THAT(run.ForEach([&](const onetake::Run& row) {
      absl::StrAppend(&answer, answer.empty() ? "" : "|", row.Text(0));
      return absl::OkStatus();
    }),
                IsOk());
    return answer;
  }
};

TEST_F(LedgerQueriesTest, ListsNewestFirst) {
  EXPECT_THAT(Listed({}), ElementsAre("other/intent1/1", "clinic/intent4/2", "clinic/intent4/1",
                                      "clinic/intent3/1", "clinic/intent2/1", "clinic/intent1/1"));
}

TEST_F(LedgerQueriesTest, FiltersOneByOne) {
  IntentFilter tenant;
  tenant.tenant = "other";
  EXPECT_THAT(Listed(tenant), ElementsAre("other/intent1/1"));
  IntentFilter session;
  session.session_id = "CA2";
  EXPECT_THAT(Listed(session),
              ElementsAre("clinic/intent4/2", "clinic/intent4/1", "clinic/intent3/1"));
  IntentFilter tool;
  tool.tool = "cancel_appointment";
  EXPECT_THAT(Listed(tool), ElementsAre("clinic/intent2/1"));
  IntentFilter unknown;
  unknown.state = S::kUnknown;
  EXPECT_THAT(Listed(unknown), ElementsAre("clinic/intent3/1"));
  IntentFilter succeeded;
  succeeded.state = S::kSucceeded;
  EXPECT_THAT(Listed(succeeded), ElementsAre("clinic/intent1/1"));
  IntentFilter prefix;
  prefix.id_prefix = "intent4";
  EXPECT_THAT(Listed(prefix), ElementsAre("clinic/intent4/2", "clinic/intent4/1"));
  IntentFilter key;
  key.id_prefix = "key4:";
  EXPECT_THAT(Listed(key), ElementsAre("clinic/intent4/2"));
  IntentFilter time;
  time.created_after = At(2);
  time.created_before = At(4);
  EXPECT_THAT(Listed(time), ElementsAre("clinic/intent3/1", "clinic/intent2/1"));
  IntentFilter held;
  held.held_back_only = true;
  EXPECT_THAT(Listed(held), ElementsAre("clinic/intent3/1", "clinic/intent1/1"));
}

TEST_F(LedgerQueriesTest, FiltersTogether) {
  IntentFilter filter;
  filter.tenant = "clinic";
  filter.session_id = "CA2";
  filter.tool = "book_appointment";
  filter.state = S::kInFlight;
  filter.id_prefix = "inte";
  filter.created_after = At(4);
  EXPECT_THAT(Listed(filter), ElementsAre("clinic/intent4/2"));
  filter.held_back_only = true;
  EXPECT_THAT(Listed(filter), IsEmpty());
  IntentFilter percent;
  percent.id_prefix = "%";
  EXPECT_THAT(Listed(percent), IsEmpty()) << "a prefix is no pattern";
}

TEST_F(LedgerQueriesTest, CountsCallsAndThoseHeldBack) {
  IntentFilter filter;
  filter.id_prefix = "intent1";
  filter.tenant = "clinic";
  const auto summaries = List(filter);
  ASSERT_THAT(summaries, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(summaries->front().calls, 3);
  EXPECT_EQ(summaries->front().held_back, 2);
  EXPECT_EQ(summaries->front().intent.arguments_json, "");
  EXPECT_EQ(summaries->front().intent.result_json, std::nullopt);
}

TEST_F(LedgerQueriesTest, OfAnIntentThatWasCalledTooOftenEveryCallIsCounted) {
  const auto whole = Get("intent1");
  ASSERT_THAT(whole, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(whole->front().call_count, 3);
  EXPECT_EQ(whole->front().held_back, 2);
  EXPECT_FALSE(whole->front().cut);

  constexpr int kAgain = LedgerQueries::kDetailRows;
  CallRecord call = MakeClaim(2).call;
  call.intent_row = Latest("intent2")->row;
  call.role = CallRole::kJoined;
  call.tool_call_id = "";
  Close();
  SqliteLedger::Options options = DefaultOptions();
  options.threading = Threading::kManual;
  options.write_queue = 2 * kAgain;
  OpenWith(std::move(options));
  for (int n = 0; n < kAgain; ++n) {
    call.call_id = absl::StrCat("again", n);
    ledger_->RecordCall(call);
  }
  while (ledger_->RunPending()) {
  }
  const auto cut = Get("intent2");
  ASSERT_THAT(cut, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(cut->front().call_count, kAgain + 1);
  EXPECT_EQ(cut->front().held_back, kAgain);
  EXPECT_TRUE(cut->front().cut);
  EXPECT_THAT(cut->front().calls, SizeIs(LedgerQueries::kDetailRows));
  EXPECT_EQ(cut->front().calls.front().call_id, "call2") << "the oldest are there";
}

TEST_F(LedgerQueriesTest, PagesAreStableUnderWrites) {
  const auto first = List({}, {}, 2);
  ASSERT_THAT(first, IsOkAndHolds(SizeIs(2)));
  Claimed(MakeClaim(50));
  const int64_t last = first->back().intent.row;
  EXPECT_THAT(Listed({}, {At(4), last}, 2), ElementsAre("clinic/intent4/1", "clinic/intent3/1"));
  EXPECT_THAT(Listed({}, {At(3), last - 2}, 2),
              ElementsAre("clinic/intent2/1", "clinic/intent1/1"));
  EXPECT_THAT(Listed({}, {At(1), 1}, 2), IsEmpty());
}

TEST_F(LedgerQueriesTest, LimitsAreClamped) {
  EXPECT_THAT(List({}, {}, 0), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(List({}, {}, -5), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(List({}, {}, 1'000'000), IsOkAndHolds(SizeIs(6)));
  EXPECT_THAT(Events({}, 0, 0), IsOkAndHolds(SizeIs(1)));
}

TEST_F(LedgerQueriesTest, FindsAnIntentByIdKeyOrPrefix) {
  for (const char* id : {"intent4", "key4", "key4:g2", "key4:"}) {
    SCOPED_TRACE(id);
    const auto details = Get(id);
    ASSERT_THAT(details, IsOkAndHolds(SizeIs(2))) << "all generations";
    EXPECT_EQ((*details)[0].intent.generation, 1);
    EXPECT_EQ((*details)[1].intent.generation, 2);
    EXPECT_EQ((*details)[0].intent.arguments_json, MakeClaim(4).intent.arguments_json);
    EXPECT_THAT((*details)[0].attempts, SizeIs(1));
    EXPECT_THAT((*details)[0].calls, SizeIs(1));
    EXPECT_THAT((*details)[0].events, SizeIs(2));
  }
}

TEST_F(LedgerQueriesTest, SaysWhyAnIntentIsNotFound) {
  EXPECT_THAT(Get("nothing"), StatusIs(absl::StatusCode::kNotFound, _));
  EXPECT_THAT(Get("intent"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("several")));
  EXPECT_THAT(Get("int"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at least 4 characters")));
  EXPECT_THAT(Get(""), StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(Get("intent4", "other"), StatusIs(absl::StatusCode::kNotFound, _));
  EXPECT_THAT(Get("intent1", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tenant")));
  EXPECT_THAT(Get("intent4", ""), IsOkAndHolds(SizeIs(2)));
}

TEST_F(LedgerQueriesTest, ListsEventsInOrder) {
  const auto all = Events();
  ASSERT_THAT(all, IsOkAndHolds(SizeIs(9)));
  for (size_t i = 1; i < all->size(); ++i) EXPECT_GT((*all)[i].seq, (*all)[i - 1].seq);
  EXPECT_THAT(Events({}, (*all)[4].seq), IsOkAndHolds(SizeIs(4)));
  EXPECT_EQ(Events({}, (*all)[4].seq)->front().seq, (*all)[5].seq);
  EXPECT_THAT(Events({}, 0, 2), IsOkAndHolds(SizeIs(2)));
  EventFilter filter;
  filter.intent_id = "intent4";
  EXPECT_THAT(Events(filter), IsOkAndHolds(SizeIs(3)));
  filter = {};
  filter.session_id = "CA2";
  EXPECT_THAT(Events(filter), IsOkAndHolds(SizeIs(5)));
  filter = {};
  filter.tenant = "other";
  EXPECT_THAT(Events(filter), IsOkAndHolds(SizeIs(1)));
  filter.intent_id = "intent4";
  EXPECT_THAT(Events(filter), IsOkAndHolds(IsEmpty()));
}

TEST_F(LedgerQueriesTest, LastEventsAreWhereAFollowerBegins) {
  const auto last = [&](EventFilter filter, int limit) {
    const auto page = Await<absl::StatusOr<EventPage>>(
        [&](auto done) { ledger_->LastEvents(std::move(filter), limit, std::move(done)); });
    EXPECT_THAT(page, IsOk());
    return absl::StatusOr<std::vector<EventRecord>>(page->events);
  };
  const auto two = last({}, 2);
  ASSERT_THAT(two, IsOkAndHolds(SizeIs(2)));
  const auto all = Events();
  ASSERT_THAT(all, IsOkAndHolds(SizeIs(9)));
  EXPECT_EQ((*two)[0].seq, (*all)[7].seq);
  EXPECT_EQ((*two)[1].seq, (*all)[8].seq);
  EventFilter filter;
  filter.intent_id = "intent1";
  filter.tenant = "clinic";
  ASSERT_THAT(last(filter, 1), IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(last(filter, 1)->front().seq, 2);
  filter = {};
  filter.session_id = "CA2";
  EXPECT_THAT(last(filter, 100), IsOkAndHolds(SizeIs(5)));
}

TEST_F(LedgerQueriesTest, SlowQuestionHoldsUpNoLookup) {
  absl::Notification asked, answered;
  ledger_->ListIntents({}, {}, 10, [&](const auto&) {
    asked.Notify();
    answered.WaitForNotification();  // the query thread is stuck here
  });
  asked.WaitForNotification();
  EXPECT_TRUE(Latest("intent1").has_value());
  EXPECT_GT(Claimed(MakeClaim(60)), 0);
  answered.Notify();
}

// Time goes by with every look at this clock.
class RacingClock final : public Clock {
 public:
  absl::Time Now() const override { return At(0); }
  absl::Duration Elapsed() const override { return absl::Seconds(10 * ++looks_); }

 private:
  mutable std::atomic<int> looks_{0};
};

TEST_F(LedgerQueriesTest, QuestionsHaveATimeLimit) {
  for (int n = 100; n < 200; ++n) Claimed(MakeClaim(n));
  Close();
  RacingClock racing;
  ledger_ = *SqliteLedger::Open(DefaultOptions(), racing);
  EXPECT_THAT(Events(), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_THAT(List({}), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_TRUE(Latest("intent1").has_value()) << "look-ups have none";
  Close();
}

TEST_F(LedgerQueriesTest, ViewOfIntentsReadsWell) {
  EXPECT_EQ(Ask("SELECT intent_id || ' ' || generation || ' ' || state || ' ' || created_at || ' '"
                " || coalesce(settled_at, '-') || ' ' || coalesce(seconds_to_settle, '-') || ' '"
                " || calls || ' ' || held_back FROM v_intents WHERE tenant = 'clinic'"
                " AND intent_id IN ('intent1', 'intent3')"),
            "intent1 1 SUCCEEDED 2026-06-21T00:00:01.000Z 2026-06-21T00:01:40.000Z 99.0 3 2|"
            "intent3 1 UNKNOWN 2026-06-21T00:00:03.000Z - - 3 2");
}

TEST_F(LedgerQueriesTest, ViewOfAttemptsReadsWell) {
  EXPECT_EQ(Ask("SELECT number || ' ' || started_at || ' ' || ended_at || ' ' || reached || ' ' ||"
                " failure || ' ' || http_status || ' ' || latency_ms || ' ' || state"
                " FROM v_attempts WHERE intent_id = 'intent3'"),
            "1 2026-06-21T00:00:03.000Z 2026-06-21T00:01:40.000Z body_complete LOST 200 4200.0"
            " UNKNOWN");
}

TEST_F(LedgerQueriesTest, ViewOfReplaysShowsWhatWasAnsweredFromTheRecord) {
  EXPECT_EQ(Ask("SELECT call_id || ' ' || role || ' ' || delivery || ' ' || intent_id || ' ' ||"
                " seconds_after_first FROM v_replays ORDER BY call_row"),
            "call1b replayed 1 intent1 20.0|call1c redelivered 2 intent1 20.0");
}

TEST_F(LedgerQueriesTest, ViewOfDuplicatesSaysWhyEachWasPrevented) {
  EXPECT_EQ(Ask("SELECT call_id || ': ' || why || ' (' || opened_by || ')'"
                " FROM v_duplicates_prevented ORDER BY call_row"),
            "call1b: the same intent had succeeded: its recorded result was returned (call1)|"
            "call1c: the same tool_call_id had been delivered before: its recorded answer was"
            " returned (call1)|"
            "call3b: the outcome of the same intent is not known: nothing was sent (call3)|"
            "call3c: the same intent with other details: refused (call3)");
}

TEST_F(LedgerQueriesTest, ViewOfEventsIsTheTimeline) {
  EXPECT_EQ(Ask("SELECT seq || ' ' || at || ' ' || kind || ' ' || from_state || '>' || to_state"
                " FROM v_events WHERE intent_id = 'intent4'"),
            "10 2026-06-21T00:00:04.000Z claimed >IN_FLIGHT|"
            "11 2026-06-21T00:01:40.000Z settled IN_FLIGHT>REJECTED|"
            "12 2026-06-21T00:00:04.000Z claimed >IN_FLIGHT");
}

}  // namespace
}  // namespace onetake
