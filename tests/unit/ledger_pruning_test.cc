// What is removed from the beginning of the chain, and that the rest is a chain still.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "runtime/ledger/event_log.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

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
using ::onetake::testing::Tampering;
using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Optional;

using S = IntentState;

class PruningTest : public LedgerFixture {
 protected:
  static constexpr absl::Duration kYear = absl::Hours(24 * 365);

  void SetUp() override { OpenWith(SealedOptions()); }

  // Settled at At(100): three events each.
  void Done(int n) {
    ClaimRequest claim = MakeClaim(n);
    CallRecord call = claim.call;
    const int64_t row = Claimed(std::move(claim));
    ASSERT_THAT(Apply(Success(row, "{\"id\":7}")), IsOk());
    call.intent_row = row;
    call.disposition = "DONE";
    call.answered_at = At(101);
    Record(std::move(call));
  }
  // A READ: one event.
  void Read(int n, absl::Time at) {
    CallRecord call = MakeClaim(n).call;
    call.role = CallRole::kRead;
    call.received_at = at;
    Record(std::move(call));
  }
  // How many events it removed.
  int64_t Prune(absl::Time now, AgeRules rules = {}, int limit = 1000) {
    int64_t pruned = 0;
    for (bool more = true; more;) {
      const auto result = Await<absl::StatusOr<AgeResult>>(
          [&](auto done) { ledger_->Age(rules, now, limit, std::move(done)); });
      EXPECT_THAT(result, IsOk());
      if (!result.ok()) return -1;
      pruned += result->pruned;
      more = result->more == AgeResult::More::kMaybe;
    }
    return pruned;
  }
  static absl::Time In7Years() { return At(100) + 7 * kYear; }
  static absl::Time In6Years() { return At(100) + 6 * kYear; }

  VerifyReport Verify(int64_t from_seq = 1) {
    const auto report =
        VerifyLedger({.path = Path(), .from_seq = from_seq, .threads = 2, .page_events = 2});
    EXPECT_THAT(report, IsOk());
    return report.value_or(VerifyReport{});
  }
  void ExpectIntact() {
    const VerifyReport report = Verify();
    EXPECT_FALSE(report.finding.has_value())
        << report.finding->seq << " " << report.finding->how << " " << report.finding->what;
  }
};

TEST_F(PruningTest, RemovesWhatIsOldEnoughAndSaysSo) {
  for (int n = 1; n <= 3; ++n) Done(n);                // events 1 to 9
  Read(4, In6Years());                                 // 10
  EXPECT_EQ(Prune(In6Years()), 0);                     // 11 to 13: aged
  EXPECT_EQ(Prune(In6Years() + absl::Seconds(2)), 6);  // the last generation stays
  const VerifyReport report = Verify();
  EXPECT_FALSE(report.finding.has_value()) << report.finding->what;
  EXPECT_EQ(report.base.head.seq, 6);
  EXPECT_EQ(report.base.intent_row, 2);
  EXPECT_EQ(report.base.call_row, 2);
  EXPECT_EQ(report.base.event, 14);
  EXPECT_EQ(report.events, 8);
  EXPECT_EQ(report.head.seq, 14);
  EXPECT_FALSE(Latest("intent1").has_value());
  EXPECT_TRUE(Latest("intent3").has_value());
  Tampering file(Path());
  for (const char* table : {"intents", "attempts"}) {
    EXPECT_EQ(file.Text(absl::StrCat("SELECT min(intent_row) FROM ", table)), "3") << table;
  }
  for (const char* table : {"bodies", "requests", "results", "intent_keys"}) {
    EXPECT_EQ(file.Text(absl::StrCat("SELECT count(*) FROM ", table)), "0") << table;
  }
  EXPECT_EQ(file.Text("SELECT min(call_row) FROM calls"), "3");
}

TEST_F(PruningTest, ReadsAreRemovedFromALedgerThatHasNeverWritten) {
  for (int n = 1; n <= 3; ++n) Read(n, At(n));
  EXPECT_EQ(Prune(In7Years()), 2);  // the last call stays
  ExpectIntact();
  EXPECT_EQ(Tampering(Path()).Text("SELECT min(call_row) FROM calls"), "3");
}

TEST_F(PruningTest, GoesOnInSmallBatchesAndTheChainWithIt) {
  for (int n = 1; n <= 4; ++n) Done(n);
  EXPECT_EQ(Prune(In7Years(), {}, 2), 9);
  ExpectIntact();
  Close();
  OpenWith(SealedOptions());
  Done(5);
  Read(6, In7Years());
  ExpectIntact();
  EXPECT_EQ(Verify(5).base.head.seq, 9);  // from before the beginning: from there
  EXPECT_EQ(Verify(12).events, Verify().head.seq - 11);
  // The first events that say so go as well, in their time.
  EXPECT_GT(Prune(In7Years() + 7 * kYear), 0);
  ExpectIntact();
}

TEST_F(PruningTest, AReversalEndsWellWhenWhatItReversesHasGone) {
  Done(1);
  Done(2);
  // Cancels of both are still under way when retention comes by.
  std::vector<int64_t> cancels;
  for (int n = 3; n <= 4; ++n) {
    ClaimRequest cancel = MakeClaim(n);
    cancel.intent.reverses_row = n - 2;
    cancels.push_back(Claimed(std::move(cancel)));
  }
  EXPECT_GT(Prune(In7Years()), 0);
  ASSERT_FALSE(Latest("intent1").has_value());
  EXPECT_THAT(Apply(Success(cancels[0], "{}")), IsOk());
  EXPECT_EQ(Latest("intent3")->state, S::kSucceeded);
  // Nor is a person's word about the other refused.
  ASSERT_THAT(Apply(MakeTransition(cancels[1], S::kInFlight, S::kUnknown)), IsOk());
  Resolution word;
  word.tenant = "clinic";
  word.intent_id = "intent4";
  word.verdict = S::kSucceeded;
  word.by = "ann";
  word.evidence_json = "{}";
  word.at = In7Years();
  EXPECT_THAT(Await<absl::StatusOr<IntentRecord>>(
                  [&](auto done) { ledger_->Resolve(std::move(word), std::move(done)); }),
              IsOk());
  ExpectIntact();
}

TEST_F(PruningTest, WhatHasToBeKeptKeepsWhatCameAfterIt) {
  Done(1);
  Done(2);
  Done(3);
  Done(4);
  AgeRules intent, session, tool, longer;
  intent.held_intents = {"intent2"};
  session.held_sessions = {"CA1"};
  tool.held_tools = {"book_appointment"};
  longer.skeletons = 8 * kYear;
  for (const auto& [rules, pruned] :
       {std::pair{longer, 0}, std::pair{session, 0}, std::pair{tool, 0}, std::pair{intent, 3}}) {
    EXPECT_EQ(Prune(In7Years(), rules), pruned);
  }
  EXPECT_EQ(Latest("intent2")->state, S::kSucceeded);
  ExpectIntact();
  EXPECT_EQ(Prune(In7Years()), 6);
}

// What is kept keeps also what later events say of generations that are gone by then.
TEST_F(PruningTest, EventsOfWhatIsGoneAreListedWithoutWhatWasSealed) {
  const int64_t gone = Claimed(MakeClaim(1));
  const int64_t kept = Claimed(MakeClaim(2));
  for (const int64_t row : {gone, kept}) {
    Transition success = Success(row, "{}");
    success.evidence_json = R"({"status":201})";
    ASSERT_THAT(Apply(success), IsOk());
  }
  AgeRules rules;
  rules.held_intents = {"intent2"};
  EXPECT_EQ(Prune(In7Years(), rules), 1);  // the first claim
  const auto events = Events({.tenant = "clinic"});
  ASSERT_THAT(events, IsOk());
  std::vector<std::string> evidence;
  for (const EventRecord& event : *events) {
    if (event.kind == "settled") evidence.push_back(event.evidence_json);
  }
  EXPECT_THAT(evidence, ElementsAre("", R"({"status":201})"));
  ExpectIntact();
}

TEST_F(PruningTest, WhatACallOfAHeldConversationMetIsKept) {
  Done(1);
  Done(2);
  CallRecord other = MakeClaim(3).call;
  other.session_id = "CA2";
  other.role = CallRole::kReplayed;
  other.intent_row = Latest("intent2")->row;
  Record(std::move(other));
  Done(4);
  AgeRules rules;
  rules.held_sessions = {"CA2"};
  EXPECT_EQ(Prune(In7Years(), rules), 3);
  EXPECT_EQ(Latest("intent2")->state, S::kSucceeded);
  ExpectIntact();
}

// A delivery that was answered later than its intent was settled is kept for longer than that.
TEST_F(PruningTest, ACallWhoseIntentIsGoneIsLookedUpAndMayClaimAgain) {
  Done(1);
  CallRecord again = MakeClaim(1).call;
  again.call_id = "call1 again";
  again.role = CallRole::kRedelivered;
  again.intent_row = Latest("intent1")->row;
  again.received_at = In7Years();
  Record(std::move(again));
  Done(2);
  ASSERT_EQ(Prune(In7Years()), 3);
  LookupResult found = Found("intent1", "toolu_1");
  EXPECT_TRUE(found.call.has_value());
  EXPECT_FALSE(found.call_intent.has_value());
  EXPECT_FALSE(found.latest.has_value());
  ClaimRequest claim = MakeClaim(1);
  claim.call.call_id = "call1 much later";
  const int64_t row = Claimed(std::move(claim));
  found = Found("", "toolu_1");
  ASSERT_TRUE(found.call_intent.has_value()) << "the delivery whose intent is there";
  EXPECT_EQ(found.call_intent->row, row);
  claim = MakeClaim(9);
  claim.call.tool_call_id = "toolu_1";
  const absl::StatusOr<ClaimResult> refused = Claim(std::move(claim));
  ASSERT_THAT(refused, IsOk());
  EXPECT_FALSE(refused->granted) << "it is about an intent already";
  ExpectIntact();
}

TEST_F(PruningTest, WhatHasNoOutcomeOrWaitsForAPersonIsKept) {
  const int64_t lost = Claimed(MakeClaim(1));
  Transition unknown = MakeTransition(lost, S::kInFlight, S::kUnknown);
  unknown.attempt_end = EndOf(1, "LOST");
  ASSERT_THAT(Apply(std::move(unknown)), IsOk());
  Done(2);
  Done(3);
  EXPECT_EQ(Prune(In7Years()), 0);
  Transition settled = MakeTransition(lost, S::kUnknown, S::kRejected);
  ASSERT_THAT(Apply(std::move(settled)), IsOk());
  ASSERT_THAT(RecordLate({.row = lost,
                          .says = S::kSucceeded,
                          .rule = "R16.late",
                          .actor = "engine",
                          .at = At(201)}),
              IsOk());
  EXPECT_EQ(Prune(In7Years()), 0);
  ExpectIntact();
}

TEST_F(PruningTest, WhatWasSettledLateIsKeptForAsLong) {
  Transition late = Success(Claimed(MakeClaim(1)), "{}");
  late.at = At(100) + 2 * kYear;
  ASSERT_THAT(Apply(std::move(late)), IsOk());
  Done(2);
  Read(3, In7Years());
  EXPECT_EQ(Prune(In7Years()), 0);
  EXPECT_GT(Prune(In7Years() + 2 * kYear), 0);
}

TEST_F(PruningTest, WhoeverRemovesMoreIsFound) {
  for (int n = 1; n <= 5; ++n) Done(n);
  ASSERT_EQ(Prune(In7Years(), {}, 3), 12);
  ExpectIntact();
  Close();
  const std::string kept = dir_.Path("kept.db");
  std::filesystem::copy_file(Path(), kept);
  const std::string hash14 =
      Tampering(Path()).Text("SELECT lower(hex(hash)) FROM events WHERE seq = 14");
  struct Case {
    std::string sql;
    int64_t seq;
    std::string how;
  };
  const Case cases[] = {
      {"DELETE FROM events WHERE seq = 13", 13, "removed"},
      {"DELETE FROM events WHERE seq <= 14; UPDATE meta SET value = '14' WHERE name = "
       "'pruned_seq'; UPDATE meta SET value = '" +
           hash14 + "' WHERE name = 'pruned_hash'",
       15, "removed"},
      {"UPDATE meta SET value = '3' WHERE name = 'pruned_seq'", 4, "removed"},
      {"UPDATE meta SET value = '70' WHERE name = 'pruned_intents'", 13, "removed"},
      {"UPDATE meta SET value = '70' WHERE name = 'pruned_calls'", 13, "removed"},
      {"UPDATE meta SET value = '16' WHERE name = 'pruned_by'", 13, "removed"},
      {"DELETE FROM meta WHERE name LIKE 'pruned%'", 1, "removed"},
      {"UPDATE events SET evidence = replace(evidence, '12', '13') WHERE kind = 'pruned'", 13,
       "removed"},
      {"INSERT INTO attempts (intent_row, number, started_at) VALUES (2, 1, 1)", 14,
       "row inserted"},
      {"DELETE FROM calls WHERE call_row = 5", 13, "row removed"},
  };
  for (const Case& test : cases) {
    std::filesystem::remove(Path());
    std::filesystem::remove(Path() + "-wal");
    std::filesystem::copy_file(kept, Path());
    ExpectIntact();
    Tampering(Path()).Run(test.sql);
    EXPECT_THAT(Verify().finding,
                Optional(AllOf(Field(&Finding::seq, test.seq), Field(&Finding::how, test.how))))
        << test.sql << ": " << (Verify().finding ? Verify().finding->what : "nothing");
  }
}

TEST_F(PruningTest, ACheckpointOfWhatIsGoneDoesNotMakeItAnOlderCopy) {
  for (int n = 1; n <= 3; ++n) Done(n);
  ASSERT_EQ(Prune(In7Years()), 6);
  Close();
  const auto db = Database::Open({Path(), Database::Access::kWriter, ""});
  ASSERT_THAT(db, IsOk());
  const auto log = EventLog::Prepare(**db);
  ASSERT_THAT(log, IsOk());
  auto reader = ChainBaseReader::Prepare(**db);
  ASSERT_THAT(reader, IsOk());
  ChainHead head = reader->Read()->head;
  EXPECT_THAT((*log)->Extends(head), IsOkAndHolds(true));
  EXPECT_THAT((*log)->Extends({3, {}}), IsOkAndHolds(true));
  EXPECT_THAT((*log)->Extends({700, {}}), IsOkAndHolds(false));
  head.hash.bytes[0] ^= 1;
  EXPECT_THAT((*log)->Extends(head), IsOkAndHolds(false));
  EXPECT_THAT((*db)->RunScript("DELETE FROM events WHERE seq = 7"),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
}

// The child of the test below: dies in the middle of its batch.
class PruningChild : public PruningTest {
 protected:
  static constexpr char kPathVariable[] = "ONETAKE_TEST_LEDGER";
  void SetUp() override {}
};

TEST_F(PruningChild, DISABLED_Run) {
  SqliteLedger::Options options = SealedOptions();
  options.path = std::getenv(kPathVariable);
  OpenWith(std::move(options));
  Prune(In7Years());
}

TEST_F(PruningChild, KilledInTheMiddleHasRemovedNothing) {
#ifndef ONETAKE_FAILPOINTS
  GTEST_SKIP() << "fail points are not compiled in";
#endif
  OpenWith(SealedOptions());
  for (int n = 1; n <= 3; ++n) Done(n);
  Close();
  const std::string path = Path();
  const pid_t child = fork();
  if (child == 0) {
    setenv(kPathVariable, path.c_str(), 1);
    setenv("ONETAKE_FAILPOINT", "ledger.pruned:1", 1);
    execl("/proc/self/exe", "child", "--gtest_also_run_disabled_tests",
          "--gtest_filter=PruningChild.DISABLED_Run", "--gtest_brief=1", nullptr);
    _exit(127);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_EQ(Verify().base.head.seq, 0);
  ExpectIntact();
  OpenWith(SealedOptions());
  EXPECT_TRUE(Latest("intent1").has_value());
  EXPECT_EQ(Prune(In7Years()), 6);
  ExpectIntact();
}

}  // namespace
}  // namespace onetake
