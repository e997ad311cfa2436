// Every statement of every question to a ledger, of its verification and of its start fails, one at
// a time: an answer is right or an error, a verification finds nothing that is not there, and after
// a start that failed the next one comes through.

#include <filesystem>

#include "runtime/ledger/chain_proof.h"
#include "tests/io/scenario.h"
#include "tests/io/statement_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake::io {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::Success;
using S = IntentState;

// A ledger in which everything has happened, with its checkpoints.
class ReadStatementsTest : public StatementFixture {
 protected:
  ReadStatementsTest() {
    Close();
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      std::filesystem::remove_all(entry.path());
    }
    Scenario scenario({.path = Path(),
                       .vfs = vfs_.name(),
                       .failures = [] { return 0; },
                       .is_well = [] { return true; },
                       .heal = [] {}});
    scenario.Run();
    scenario.CheckWhatIsLeft();
    Reopen();
  }

  // The fifth generation of one that nobody has looked at four times.
  void ClaimFiveTimes(int n) {
    for (int generation = 1; generation <= 5; ++generation) {
      ClaimRequest claim = MakeClaim(n);
      claim.intent.generation = generation;
      absl::StrAppend(&claim.intent.key, "-", generation);
      absl::StrAppend(&claim.call.call_id, "-", generation);
      absl::StrAppend(&claim.call.tool_call_id, "-", generation);
      const int64_t row = Claimed(claim);
      if (generation == 5) return;
      Transition unheard = MakeTransition(row, S::kInFlight, S::kRejected);
      unheard.rule = std::string(kUnheardRules[0]);
      unheard.attempt_end = testing::EndOf(1, "NOT_SENT");
      ASSERT_THAT(Apply(unheard), IsOk());
    }
  }

  template <typename T, typename Start>
  absl::StatusOr<T> Ask(Start start) {
    return Await<absl::StatusOr<T>>(start);
  }
  static std::string Text(const std::optional<IntentRecord>& intent) {
    return intent.has_value() ? absl::StrCat(intent->row, intent->arguments_json, " ") : "none ";
  }
  void FailEachOfLookingUp(const LookupRequest& request) {
    FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
      ONETAKE_ASSIGN_OR_RETURN(const LookupResult found, Lookup(request));
      return absl::StrCat(found.call.has_value() ? found.call->call_id : "none", " ",
                          Text(found.call_intent), Text(found.latest), Text(found.reversal),
                          Text(found.target), Text(found.target_reversal), Text(found.near),
                          Text(found.sets_same), found.highest, " ", found.uncounted, " ",
                          found.may_be_undone, " ", found.undone_by_intent);
    });
  }
  void FailEachOfListing(IntentFilter filter) {
    filter.tenant = "clinic";
    FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
      ONETAKE_ASSIGN_OR_RETURN(const std::vector<IntentSummary> found, List(filter));
      std::string text;
      for (const IntentSummary& one : found) absl::StrAppend(&text, one.intent.row, " ");
      return text;
    });
  }
  void FailEachOfEvents(const std::function<absl::StatusOr<EventPage>()>& list) {
    FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
      ONETAKE_ASSIGN_OR_RETURN(const EventPage page, list());
      std::string text = absl::StrCat(page.seen_seq, ": ");
      for (const EventRecord& one : page.events) {
        absl::StrAppend(&text, one.seq, one.kind, one.evidence_json, " ");
      }
      return text;
    });
  }
  absl::StatusOr<EventPage> Last(const EventFilter& filter) {
    return Ask<EventPage>([&](auto done) { ledger_->LastEvents(filter, 3, std::move(done)); });
  }
};

TEST_F(ReadStatementsTest, LookUps) {
  ClaimFiveTimes(9);
  FailEachOfLookingUp({.tenant = "clinic", .intent_id = "intent9"});
  FailEachOfLookingUp({.tenant = "clinic",
                       .intent_id = "intent2",
                       .session_id = "CA1",
                       .tool_call_id = "toolu_2",
                       .target_intent_id = "intent7",
                       .undoing_tools = {"cancel_appointment"},
                       .near_subject = "subject",
                       .sets_subject = "sets:thing",
                       .undone_row = 2});
  FailEachOfLookingUp({.tenant = "clinic",
                       .intent_id = "intent3",
                       .generation = 1,
                       .target_tool = "book_appointment",
                       .target_ref = "booking 7"});
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const std::vector<IntentRecord> open, ledger_->Unsettled(0, 100));
    std::string text;
    for (const IntentRecord& one : open) absl::StrAppend(&text, one.row, one.request, " ");
    return text;
  });
}

TEST_F(ReadStatementsTest, ListsOfIntents) {
  FailEachOfListing({});
  FailEachOfListing({.id_prefix = "inte"});
  FailEachOfListing({.state = S::kUnknown, .review_only = true});
  FailEachOfListing({.tool = "book_appointment", .held_back_only = true});
  for (const char* id : {"intent2", "inte", "key3"}) {
    FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
      const auto found = Get(id);
      if (absl::IsInvalidArgument(found.status())) return "several";
      ONETAKE_RETURN_IF_ERROR(found.status());
      const IntentDetail& one = found->front();
      return absl::StrCat(one.intent.row, one.intent.arguments_json, one.attempts.size(),
                          one.calls.size(), one.events.size(), one.call_count, one.held_back);
    });
  }
}

TEST_F(ReadStatementsTest, ListsOfEvents) {
  for (const EventFilter& filter :
       {EventFilter{.tenant = "clinic", .with_calls = true}, EventFilter{.intent_id = "intent2"},
        EventFilter{.tenant = "clinic", .at_after = At(0)}}) {
    FailEachOfEvents([&] { return EventPageOf(filter, {}, 100); });
  }
  FailEachOfEvents([&] { return Last({.tenant = "clinic"}); });
  FailEachOfEvents([&] { return Last({.intent_id = "intent2"}); });
  FailEachOfEvents([&] {
    return Ask<EventPage>(
        [&](auto done) { ledger_->ListSessionEvents("clinic", "CA1", 0, 100, std::move(done)); });
  });
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const int64_t last,
                             Ask<int64_t>([&](auto done) { ledger_->LastSeq(std::move(done)); }));
    return absl::StrCat(last);
  });
}

TEST_F(ReadStatementsTest, ListsOfCallsAndCounts) {
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const std::vector<CallSummary> calls, Calls({.tenant = "clinic"}));
    return absl::StrCat(calls.size());
  });
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    const DuplicateQuestion question{.tenant = "clinic",
                                     .after = At(0),
                                     .before = absl::FromUnixSeconds(4'000'000'000),
                                     .calls = 100};
    ONETAKE_ASSIGN_OR_RETURN(const DuplicateStats stats, Ask<DuplicateStats>([&](auto done) {
                               ledger_->GetDuplicates(question, std::move(done));
                             }));
    return absl::StrCat(stats.calls, " ", stats.intents, " ", stats.newest.size());
  });
  for (const char* tenant : {"", "clinic"}) {
    FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
      ONETAKE_ASSIGN_OR_RETURN(const ReviewStats stats, Ask<ReviewStats>([&](auto done) {
                                 ledger_->GetReviewStats(tenant, std::move(done));
                               }));
      return absl::StrCat(stats.count);
    });
  }
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(
        const std::vector<absl::Time> open,
        Ask<std::vector<absl::Time>>([&](auto done) { ledger_->GetUnsettled(std::move(done)); }));
    return absl::StrCat(open.size());
  });
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const std::vector<LatencyRecord> records, ledger_->LoadLatencies());
    return absl::StrCat(records.size());
  });
}

TEST_F(ReadStatementsTest, TheChain) {
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const ChainPage page, Ask<ChainPage>([&](auto done) {
                               ledger_->VerifyChain(1, 1000, std::move(done));
                             }));
    return absl::StrCat(page.events, " ", page.head.seq, page.finding ? page.finding->what : "");
  });
}

TEST_F(ReadStatementsTest, AVerification) {
  Close();
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const VerifyReport report,
                             VerifyLedger({.path = Path(),
                                           .checkpoints = Path() + ".checkpoints",
                                           .public_key = Path() + ".signing-key.pub",
                                           .threads = 1}));
    return absl::StrCat(report.events, " ", report.head.seq, " ", report.checkpoints,
                        report.finding ? report.finding->what : "");
  });
}

TEST_F(ReadStatementsTest, AVerificationFromTheMiddle) {
  const int64_t last =
      Ask<int64_t>([&](auto done) { ledger_->LastSeq(std::move(done)); }).value_or(0);
  Close();
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const VerifyReport report,
                             VerifyLedger({.path = Path(), .from_seq = last - 3, .threads = 1}));
    return absl::StrCat(report.events, report.finding ? report.finding->what : "");
  });
}

// What a verification of an altered chain has found, it finds whatever fails, or says that it could
// not look.
TEST_F(ReadStatementsTest, AVerificationOfWhatSomebodyHasAltered) {
  Close();
  testing::Tampering(Path()).Run(
      "UPDATE events SET rule = 'other' WHERE seq = (SELECT max(seq) - 2 FROM events)");
  FailEachOfAsking([&]() -> absl::StatusOr<std::string> {
    ONETAKE_ASSIGN_OR_RETURN(const VerifyReport report,
                             VerifyLedger({.path = Path(), .threads = 1}));
    return absl::StrCat(report.events, report.finding ? report.finding->what : "");
  });
}

TEST_F(ReadStatementsTest, AProof) {
  Close();
  FailEachOfAsking([&] {
    return MakeProof({.path = Path(),
                      .checkpoints = Path() + ".checkpoints",
                      .public_key = Path() + ".signing-key.pub",
                      .intent_id = "intent2"});
  });
}

class StartStatementsTest : public StatementFixture {
 protected:
  SqliteLedger::Options WithCheckpoints(RestoredLedger restored = RestoredLedger::kRefuse) {
    SqliteLedger::Options options = Options();
    options.checkpoints.emplace().TakeNames(Path());
    options.intent_key_check = "check of the key";
    options.restored = restored;
    return options;
  }
  void LoseAll() {
    Close();
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      std::filesystem::remove_all(entry.path());
    }
  }
};

TEST_F(StartStatementsTest, OfALedgerInUse) {
  LoseAll();
  ASSERT_THAT(TryOpen(WithCheckpoints()), IsOk());
  ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), "{}")), IsOk());
  ledger_->RunCheckpoints();
  Claimed(MakeClaim(2));
  FailEachOfOpening([&] { return WithCheckpoints(); });
}

TEST_F(StartStatementsTest, TheFirst) {
  LoseAll();
  FailEachOfOpening([&] { return WithCheckpoints(); });
}

TEST_F(StartStatementsTest, InThePlaceOfALostLedger) {
  LoseAll();
  FailEachOfOpening([&] { return WithCheckpoints(RestoredLedger::kLost); });
}

TEST_F(StartStatementsTest, OfAnOlderCopy) {
  LoseAll();
  ASSERT_THAT(TryOpen(WithCheckpoints()), IsOk());
  Claimed(MakeClaim(1));
  Transition loss = MakeTransition(Claimed(MakeClaim(2)), S::kInFlight, S::kUnknown);
  loss.attempt_end = testing::EndOf(1, "TIMEOUT");
  ASSERT_THAT(Apply(loss), IsOk());
  Close();
  std::filesystem::copy_file(Path(), dir_.Path("copy"));
  ASSERT_THAT(TryOpen(WithCheckpoints()), IsOk());
  Claimed(MakeClaim(3));
  ledger_->RunCheckpoints();
  Close();
  std::filesystem::rename(dir_.Path("copy"), Path());
  ASSERT_FALSE(TryOpen(WithCheckpoints()).ok());
  FailEachOfOpening([&] { return WithCheckpoints(RestoredLedger::kAccept); });
}

}  // namespace
}  // namespace onetake::io
