// What auditors may filter by: each filter, its pages under writes, and the index that serves it.

#include <gmock/gmock.h>

#include <atomic>
#include <map>

#include "runtime/ledger/audit_calls.h"
#include "runtime/ledger/audit_intents.h"
#include "runtime/ledger/schema.h"
#include "runtime/store/migration.h"
#include "tests/testing/eventually.h"
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
using ::onetake::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using S = IntentState;

// A digest that anybody can compute, and that is not the value.
std::string FakeDigest(absl::string_view tenant, absl::string_view name, absl::string_view value) {
  return absl::StrCat(tenant.size(), name.size(), "0", value.size(), "f",
                      value.substr(0, 1) == "+");
}

// Intents 1 to 9 of one tenant, every third SUCCEEDED, UNKNOWN and REJECTED, each with a repeated
// call, from nine sessions and two numbers.
class LedgerFiltersTest : public LedgerFixture {
 protected:
  void SetUp() override {
    SqliteLedger::Options options = DefaultOptions();
    options.attributes = {.names = {"caller_phone"}, .digest = FakeDigest};
    OpenWith(std::move(options));
    for (int n = 1; n <= 9; ++n) Add(n);
  }
  void Add(int n) {
    ClaimRequest claim = MakeClaim(n);
    claim.intent.session_id = claim.call.session_id = absl::StrCat("CA", n);
    claim.intent.tool = claim.call.tool = n < 5 ? "book" : "cancel";
    claim.call.attributes = {{"caller_phone", n % 2 == 0 ? "+49123" : "0123"}, {"mood", "bad"}};
    const int64_t row = Claimed(claim);
    const CallRole roles[] = {CallRole::kReplayed, CallRole::kHeld, CallRole::kConflict};
    const char* dispositions[] = {"DONE", "NEEDS_REVIEW", "CONFLICT"};
    const S states[] = {S::kSucceeded, S::kUnknown, S::kRejected};
    Transition transition = MakeTransition(row, S::kInFlight, states[n % 3]);
    transition.attempt_end = EndOf(1, "");
    ASSERT_THAT(Apply(transition), IsOk());
    CallRecord call = claim.call;
    call.call_id = absl::StrCat("again", n);
    call.tool_call_id = absl::StrCat("toolu_again_", n);
    call.attributes = {};
    call.role = roles[n % 3];
    call.intent_row = row;
    call.disposition = dispositions[n % 3];
    call.received_at = At(n + 20);
    Record(call);
  }
  std::vector<std::string> Listed(IntentFilter filter, IntentPosition position = {},
                                  int limit = 100) {
    if (filter.tenant.empty()) filter.tenant = "clinic";
    const auto summaries = List(std::move(filter), position, limit);
    EXPECT_THAT(summaries, IsOk());
    std::vector<std::string> names;
    for (const IntentSummary& summary : *summaries) names.push_back(summary.intent.intent_id);
    return names;
  }
};

using Filters = std::vector<std::pair<std::string, void (*)(IntentFilter&)>>;

// Every filter, alone.
const Filters kAlone = {
    {"tenant", [](IntentFilter&) {}},
    {"session", [](IntentFilter& filter) { filter.session_id = "CA5"; }},
    {"tool", [](IntentFilter& filter) { filter.tool = "cancel"; }},
    {"in flight", [](IntentFilter& filter) { filter.state = S::kInFlight; }},
    {"unknown", [](IntentFilter& filter) { filter.state = S::kUnknown; }},
    {"succeeded", [](IntentFilter& filter) { filter.state = S::kSucceeded; }},
    {"rejected", [](IntentFilter& filter) { filter.state = S::kRejected; }},
    {"prefix", [](IntentFilter& filter) { filter.id_prefix = "intent5"; }},
    {"key", [](IntentFilter& filter) { filter.id_prefix = "key5"; }},
    {"after", [](IntentFilter& filter) { filter.created_after = At(8); }},
    {"before", [](IntentFilter& filter) { filter.created_before = At(3); }},
    {"held back", [](IntentFilter& filter) { filter.held_back_only = true; }},
    {"replayed", [](IntentFilter& filter) { filter.replayed_only = true; }},
    {"drift", [](IntentFilter& filter) { filter.drift_only = true; }},
    {"review", [](IntentFilter& filter) { filter.review_only = true; }},
    {"tool call", [](IntentFilter& filter) { filter.tool_call_id = "toolu_again_5"; }},
    {"done", [](IntentFilter& filter) { filter.disposition = "DONE"; }},
    {"needs review", [](IntentFilter& filter) { filter.disposition = "NEEDS_REVIEW"; }},
    {"attribute",
     [](IntentFilter& filter) {
       filter.attribute = "caller_phone";
       filter.attribute_value = "+49123";
     }},
};

TEST_F(LedgerFiltersTest, EachFindsItsOwn) {
  const std::map<std::string, std::string> expected = {
      {"tenant", "987654321"}, {"session", "5"},   {"tool", "98765"},
      {"in flight", ""},       {"unknown", "741"}, {"succeeded", "963"},
      {"rejected", "852"},     {"prefix", "5"},    {"key", "5"},
      {"after", "98"},         {"before", "21"},   {"held back", "987654321"},
      {"replayed", "963"},     {"drift", "852"},   {"review", ""},
      {"tool call", "5"},      {"done", "963"},    {"needs review", "741"},
      {"attribute", "8642"}};
  for (const auto& [name, set] : kAlone) {
    IntentFilter filter;
    set(filter);
    std::string found;
    for (const std::string& id : Listed(filter)) found += id.back();
    EXPECT_EQ(found, expected.at(name)) << name;
  }
}

TEST_F(LedgerFiltersTest, AnyTwoTogetherFindWhatBothFind) {
  for (const auto& [first_name, set_first] : kAlone) {
    for (const auto& [second_name, set_second] : kAlone) {
      IntentFilter first, second, both;
      set_first(first);
      set_second(second);
      set_first(both);
      set_second(both);
      // Of one kind there can be one only.
      if (first.state && second.state && first.state != second.state) continue;
      if (!first.id_prefix.empty() && !second.id_prefix.empty()) continue;
      if (!first.disposition.empty() && !second.disposition.empty()) continue;
      const std::vector<std::string> in_second = Listed(second);
      std::vector<std::string> expected;
      for (const std::string& id : Listed(first)) {
        if (std::count(in_second.begin(), in_second.end(), id) > 0) expected.push_back(id);
      }
      EXPECT_EQ(Listed(both), expected) << first_name << " and " << second_name;
    }
  }
}

TEST_F(LedgerFiltersTest, PagesOfEachAreStableUnderWrites) {
  for (const auto& [name, set] : kAlone) {
    IntentFilter filter;
    set(filter);
    const std::vector<std::string> whole = Listed(filter);
    filter.tenant = "clinic";
    std::vector<std::string> paged;
    IntentPosition position;
    static int next = 100;
    for (;;) {
      const auto page = ListPage(filter, position, 2);
      ASSERT_THAT(page, IsOk());
      for (const IntentSummary& summary : page->intents) {
        paged.push_back(summary.intent.intent_id);
      }
      if (!page->next.has_value()) break;
      position = *page->next;
      if (paged.size() < 20) Add(next++);  // newer than all of the pages to come
    }
    EXPECT_EQ(paged, whole) << name;
  }
}

// Filters that are rare together: no page looks at more than so many, and none is left out.
TEST_F(LedgerFiltersTest, APageEndsBehindSoManyThatDidNotFit) {
  const AttributeIndex attributes{.names = {"caller_phone"}, .digest = FakeDigest};
  const auto database = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(database, IsOk());
  AuditIntents intents(**database, attributes, clock_, {.max_sifted = 2});
  ASSERT_THAT(intents.Prepare(), IsOk());
  for (const auto& [first_name, set_first] : kAlone) {
    for (const auto& [second_name, set_second] : kAlone) {
      IntentFilter filter;
      set_first(filter);
      set_second(filter);
      const std::vector<std::string> whole = Listed(filter);
      filter.tenant = "clinic";
      std::vector<std::string> paged;
      IntentPosition position;
      int pages = 0;
      for (bool more = true; more; ++pages) {
        const auto page = intents.List(filter, position, 3);
        ASSERT_THAT(page, IsOk());
        for (const IntentSummary& summary : page->intents) {
          paged.push_back(summary.intent.intent_id);
        }
        more = page->next.has_value();
        if (more) position = *page->next;
      }
      EXPECT_EQ(paged, whole) << first_name << " and " << second_name;
      EXPECT_LE(pages, 9) << first_name << " and " << second_name;
    }
  }
  IntentFilter filter{.tenant = "clinic", .tool = "cancel", .created_before = At(3)};
  const auto page = intents.List(filter, {}, 3);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->intents, SizeIs(0));
}

TEST_F(LedgerFiltersTest, IntentsOfOneMomentAreNotLostBetweenPages) {
  for (int n = 200; n < 205; ++n) {
    ClaimRequest claim = MakeClaim(n);
    claim.intent.created_at = At(500);
    Claimed(claim);
  }
  IntentFilter filter;
  filter.tenant = "clinic";
  filter.created_after = At(500);
  const auto first = List(filter, {}, 3);
  ASSERT_THAT(first, IsOkAndHolds(SizeIs(3)));
  const IntentRecord& last = first->back().intent;
  EXPECT_THAT(Listed(filter, {last.created_at, last.row}), ElementsAre("intent201", "intent200"));
}

TEST_F(LedgerFiltersTest, AnIntentWithManyRepeatsIsListedOnce) {
  for (int n = 0; n < 5; ++n) {
    CallRecord call = MakeClaim(3).call;
    call.call_id = absl::StrCat("more", n);
    call.tool_call_id = absl::StrCat("more", n);
    call.role = CallRole::kReplayed;
    call.disposition = "PENDING";
    call.intent_row = Latest("intent3") ? Latest("intent3")->row : 0;
    Record(call);
  }
  IntentFilter pending;
  pending.disposition = "PENDING";
  EXPECT_THAT(Listed(pending), ElementsAre("intent3"));
  IntentFilter replayed;
  replayed.replayed_only = true;
  EXPECT_THAT(Listed(replayed), ElementsAre("intent9", "intent6", "intent3"));
}

TEST_F(LedgerFiltersTest, ACallWithoutASessionIsFoundByItsId) {
  ClaimRequest claim = MakeClaim(300);
  claim.intent.session_id = claim.call.session_id = "";
  Claimed(claim);
  IntentFilter filter;
  filter.tool_call_id = "toolu_300";
  EXPECT_THAT(Listed(filter), ElementsAre("intent300"));
}

TEST_F(LedgerFiltersTest, OnlyNamedAttributesAreKeptAndNoneInClear) {
  IntentFilter mood;
  mood.attribute = "mood";
  mood.attribute_value = "bad";
  EXPECT_THAT(List(mood),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not an indexed")));
  auto db = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(db, IsOk());
  EXPECT_THAT((*db)->QueryInt("SELECT count(*) FROM attributes"), IsOkAndHolds(9));
  EXPECT_THAT((*db)->QueryInt("SELECT count(*) FROM attributes WHERE name != 'caller_phone'"
                              " OR value_mac LIKE '%123%'"),
              IsOkAndHolds(0));
}

TEST_F(LedgerFiltersTest, CallsComeOldestFirstInPages) {
  const auto ids = [&](CallFilter filter, CallPosition position = {}, int limit = 1000) {
    filter.tenant = "clinic";
    std::vector<std::string> found;
    const auto calls = Calls(filter, position, limit);
    EXPECT_THAT(calls, IsOk());
    for (const CallSummary& call : *calls) found.push_back(call.call.call_id);
    return found;
  };
  EXPECT_THAT(ids({}), SizeIs(18));
  EXPECT_THAT(ids({.session_id = "CA5"}), ElementsAre("call5", "again5"));
  EXPECT_THAT(ids({.tool = "cancel", .received_after = At(26), .received_before = At(28)}),
              ElementsAre("again6", "again7"));
  EXPECT_THAT(ids({.held_back_only = true}), SizeIs(9));
  EXPECT_THAT(ids({.held_back_only = true, .received_before = At(22)}), ElementsAre("again1"));
  const auto first = Calls({.tenant = "clinic"}, {}, 2);
  ASSERT_THAT(first, IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(ids({}, {first->back().call.received_at, first->back().row}, 2),
              ElementsAre("call3", "call4"));
  EXPECT_THAT(Calls({.tenant = "other"}), IsOkAndHolds(IsEmpty()));
}

// The intents of a tool_call_id cannot find a READ, which has none.
TEST_F(LedgerFiltersTest, CallsAreFoundByTheModelsIdWithASessionAndWithout) {
  for (const int n : {401, 402}) {
    CallRecord read = MakeClaim(n).call;
    read.role = CallRole::kRead;
    read.tool_call_id = "toolu_read";
    if (n == 402) read.session_id = "";
    Record(std::move(read));
  }
  EXPECT_THAT(Calls({.tenant = "clinic", .tool_call_id = "toolu_read"}), IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(Calls({.tenant = "clinic", .session_id = "CA1", .tool_call_id = "toolu_read"}),
              IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(Calls({.tenant = "other", .tool_call_id = "toolu_read"}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Calls({.tenant = "clinic", .tool_call_id = "toolu_none"}), IsOkAndHolds(IsEmpty()));
}

TEST_F(LedgerFiltersTest, ACallNamesItsIntentAndWhoOpenedIt) {
  const auto calls = Calls({.tenant = "clinic", .session_id = "CA5"});
  ASSERT_THAT(calls, IsOkAndHolds(SizeIs(2)));
  EXPECT_EQ(calls->back().intent_id, "intent5");
  EXPECT_EQ(calls->back().generation, 1);
  EXPECT_EQ(calls->back().opened_by, "call5");
  CallRecord read = MakeClaim(400).call;
  read.role = CallRole::kRead;
  read.session_id = "CA5";
  Record(read);
  const auto with_read = Calls({.tenant = "clinic", .session_id = "CA5"});
  ASSERT_THAT(with_read, IsOkAndHolds(SizeIs(3)));
  EXPECT_EQ(with_read->back().intent_id, "");
  EXPECT_EQ(with_read->back().opened_by, "");
}

TEST_F(LedgerFiltersTest, DuplicatesAreCountedByDayToolAndRole) {
  const auto report = [&](DuplicateQuestion question) {
    question.tenant = "clinic";
    const auto stats = Await<absl::StatusOr<DuplicateStats>>(
        [&](auto done) { ledger_->GetDuplicates(std::move(question), std::move(done)); });
    EXPECT_THAT(stats, IsOk());
    return stats.value_or(DuplicateStats{});
  };
  const DuplicateStats all = report({.after = At(0), .before = At(1000), .calls = 2});
  EXPECT_EQ(all.calls, 18);
  EXPECT_EQ(all.intents, 9);
  EXPECT_EQ(all.held_back, 9);
  EXPECT_EQ(all.intents_held_back, 9);
  ASSERT_THAT(all.newest, SizeIs(2));
  EXPECT_EQ(all.newest[0].call.call_id, "again9");
  EXPECT_EQ(all.newest[0].opened_by, "call9");
  ASSERT_THAT(all.counts, SizeIs(6));
  EXPECT_EQ(all.counts[0].day, "2026-06-21");
  EXPECT_EQ(all.counts[0].tool, "book");
  EXPECT_EQ(all.counts[0].role, CallRole::kConflict);
  EXPECT_EQ(all.counts[0].calls, 1);
  const DuplicateStats cancel = report({.tool = "cancel", .after = At(0), .before = At(1000)});
  EXPECT_EQ(cancel.held_back, 5);
  EXPECT_THAT(cancel.newest, IsEmpty());
  // At(0) is midnight in UTC: the evening before, in New York.
  const DuplicateStats zoned =
      report({.after = At(0), .before = At(1000), .zone = absl::FixedTimeZone(-4 * 3600)});
  EXPECT_EQ(zoned.counts[0].day, "2026-06-20");
  EXPECT_EQ(report({.after = At(25), .before = At(26)}).held_back, 1);
}

TEST_F(LedgerFiltersTest, EventsOfATimeComeInPages) {
  EventFilter filter;
  filter.tenant = "clinic";
  filter.at_after = At(3);
  filter.at_before = At(6);
  const auto all = EventPageOf(filter);
  ASSERT_THAT(all, IsOk());
  ASSERT_THAT(all->events, SizeIs(3)) << "the claims of 3, 4 and 5";
  const auto first = EventPageOf(filter, {}, 2);
  ASSERT_THAT(first->events, SizeIs(2));
  const auto rest = EventPageOf(filter, {first->events[1].at, first->events[1].seq}, 2);
  ASSERT_THAT(rest->events, SizeIs(1));
  EXPECT_EQ(rest->events[0].intent_id, "intent5");
  filter.session_id = "CA4";
  EXPECT_THAT(EventPageOf(filter)->events, SizeIs(1));
  filter = {};
  filter.at_after = At(3);
  EXPECT_THAT(EventPageOf(filter), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

TEST_F(LedgerFiltersTest, APageOfEventsSaysHowFarItHasLooked) {
  EventFilter filter;
  filter.session_id = "CA5";
  const auto all = EventPageOf(filter);
  ASSERT_THAT(all->events, SizeIs(2));
  EXPECT_EQ(all->seen_seq, 27) << "nothing later is of this session";
  EXPECT_EQ(EventPageOf(filter, {}, 1)->seen_seq, all->events[0].seq);
  EXPECT_EQ(EventPageOf(filter, {absl::InfinitePast(), 27})->seen_seq, 27);
}

TEST_F(LedgerFiltersTest, AListenerHearsOfEveryCommitUntilItIsTakenAway) {
  std::atomic<int> heard{0};
  ledger_->SetCommitListener([&] { ++heard; });
  Claimed(MakeClaim(500));
  Claimed(MakeClaim(501));
  EXPECT_TRUE(testing::Eventually([&] { return heard >= 2; }));
  ledger_->SetCommitListener(nullptr);
  const int both = heard;
  Claimed(MakeClaim(502));
  Close();
  EXPECT_EQ(heard, both);
}

// Its monotonic time goes on by a millisecond whenever somebody looks at it.
class RestlessClock final : public Clock {
 public:
  absl::Time Now() const override { return At(0); }
  absl::Duration Elapsed() const override { return absl::Milliseconds(++looks_); }

 private:
  mutable int looks_ = 0;
};

TEST_F(LedgerFixture, APageOfIntentsEndsWhenLookingForThemHasTakenLong) {
  OpenDefault();
  for (int n = 1; n <= 100; ++n) Claimed(MakeClaim(n));
  const auto database = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(database, IsOk());
  const AttributeIndex attributes;
  const RestlessClock slow;
  IntentFilter filter;
  filter.tenant = "clinic";
  filter.tool = "book_appointment";
  filter.disposition = "DONE";
  for (const auto& [time, ends] :
       {std::pair{absl::Milliseconds(1), true}, std::pair{absl::Milliseconds(1000), false}}) {
    AuditIntents intents(**database, attributes, slow, {.max_sifted = 2000, .time = time});
    ASSERT_THAT(intents.Prepare(), IsOk());
    const auto page = intents.List(filter, {}, 10);
    ASSERT_THAT(page, IsOk());
    EXPECT_TRUE(page->intents.empty());
    EXPECT_EQ(page->next.has_value(), ends);
  }
}

// How SQLite finds them, on an empty ledger: plans are fixed by the indexes that the statements
// name, not by what the tables hold.
class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::Open({dir_.Path("ledger.db"), Database::Access::kWriter, ""});
    ASSERT_THAT(opened, IsOk());
    database_ = *std::move(opened);
    ASSERT_THAT(Migrate(*database_, kLedgerApplicationId, LedgerMigrations()), IsOk());
  }
  TempDir dir_;
  SystemClock clock_;
  std::unique_ptr<Database> database_;
};

TEST_F(PlanTest, NoFilterAloneScansATable) {
  const AttributeIndex attributes{.names = {"caller_phone"}, .digest = FakeDigest};
  AuditIntents intents(*database_, attributes, clock_, {.max_sifted = LedgerQueries::kMaxSifted});
  ASSERT_THAT(intents.Prepare(), IsOk());
  for (const auto& [name, set] : kAlone) {
    IntentFilter filter;
    filter.tenant = "clinic";
    set(filter);
    const auto plan = intents.Plan(filter);
    ASSERT_THAT(plan, IsOk());
    EXPECT_THAT(*plan, Not(HasSubstr("SCAN"))) << name;
  }
}

TEST_F(PlanTest, WhatMayBeLongIsReadInOrderAndNeverSorted) {
  const AttributeIndex attributes{.names = {"caller_phone"}, .digest = FakeDigest};
  AuditIntents intents(*database_, attributes, clock_, {.max_sifted = LedgerQueries::kMaxSifted});
  ASSERT_THAT(intents.Prepare(), IsOk());
  for (const auto& [name, set] : kAlone) {
    // A session, a key, what is open and what waits for a person are few.
    if (name == "session" || name == "prefix" || name == "key" || name == "tool call" ||
        name == "attribute" || name == "review" || name == "in flight" || name == "unknown") {
      continue;
    }
    IntentFilter filter;
    filter.tenant = "clinic";
    set(filter);
    const auto plan = intents.Plan(filter);
    ASSERT_THAT(plan, IsOk());
    EXPECT_THAT(*plan, Not(HasSubstr("TEMP B-TREE"))) << name;
  }
}

TEST_F(PlanTest, NoListOfCallsScansATable) {
  AuditCalls calls(*database_);
  ASSERT_THAT(calls.Prepare(), IsOk());
  for (const CallFilter& filter :
       {CallFilter{.tenant = "t"}, CallFilter{.tenant = "t", .held_back_only = true},
        CallFilter{.tenant = "t", .received_after = At(1)}}) {
    const auto plan = calls.Plan(filter);
    ASSERT_THAT(plan, IsOk());
    EXPECT_THAT(*plan, Not(HasSubstr("SCAN")));
    // Only the look for the call that opened the intent sorts, and that one is of one intent.
    EXPECT_THAT(plan->substr(0, plan->find("CORRELATED")), Not(HasSubstr("TEMP B-TREE")));
  }
  for (const CallFilter& few : {CallFilter{.tenant = "t", .session_id = "s"},
                                CallFilter{.tenant = "t", .tool_call_id = "c"}}) {
    EXPECT_THAT(calls.Plan(few), IsOkAndHolds(Not(HasSubstr("SCAN"))));
  }
}

}  // namespace
}  // namespace onetake
