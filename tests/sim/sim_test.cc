// That a seed is a run, and that the checks of a run can fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/simulation.h"
#include "tests/testing/temp_dir.h"

namespace onetake::sim {
namespace {

using ::testing::HasSubstr;

class SimulationTest : public ::testing::Test {
 protected:
  Outcome Run(uint64_t seed) { return Simulation::Run({.seed = seed, .folder = folder_.path()}); }
  testing::TempDir folder_;
};

TEST_F(SimulationTest, ASeedIsOneRun) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const Outcome first = Run(seed);
    const Outcome second = Run(seed);
    EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
    EXPECT_EQ(first.tally.Text(), second.tally.Text()) << "seed " << seed;
    EXPECT_EQ(first.failure, "") << "seed " << seed;
  }
}

TEST_F(SimulationTest, SeedsAreDifferentRuns) { EXPECT_NE(Run(1).digest, Run(2).digest); }

// Each test tells the checks something that no correct onetaked would do.
class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    history_.wishes().push_back({.id = 0, .tenant = "A", .session = "s"});
    said_ = {.wish = 0,
             .tenant = "A",
             .session = "s",
             .tool = "book_none",
             .slot = 3,
             .patient = "pA-0",
             .provider = "dr-kim"};
    answer_.disposition = Disposition::kDone;
    answer_.tool = "book_none";
    answer_.intent =
        IntentView{.id = "i", .key = "k", .generation = 1, .state = IntentState::kSucceeded};
  }
  void Book(const std::string& key, const std::string& trace = "") {
    Receive("book_none", key, trace);
  }
  void Receive(const std::string& tool, const std::string& key, const std::string& trace = "") {
    Json arguments{{"slot_iso", Spell(3, 0)}, {"patient_id", "pA-0"}, {"notes", "w0"}};
    if (IsBooking(tool)) arguments["provider_id"] = "dr-kim";
    downstream_.Receive(
        {.tool = tool, .arguments = arguments, .key = key, .body = "b", .trace = trace},
        absl::ZeroDuration(), Downstream::Memory::kRemembers, [](const Downstream::Response&) {});
    while (world_.loop.RunNext(world_.loop.Elapsed())) {
    }
  }
  void Pass(absl::Duration time) {
    const absl::Duration end = world_.loop.Elapsed() + time;
    while (world_.loop.RunNext(end)) {
    }
  }
  static Dump::Intent Row(std::string state) {
    Dump::Intent intent;
    intent.row = 1;
    intent.tenant = "A";
    intent.intent_id = "i";
    intent.generation = 1;
    intent.key = "k";
    intent.tool = "book_none";
    intent.state = std::move(state);
    intent.settled = intent.state != "UNKNOWN" && intent.state != "REVIEW";
    return intent;
  }
  static Dump Ledger(const std::string& state) {
    Dump dump;
    dump.integrity = "ok";
    dump.schema = 2;
    dump.intents = {Row(state)};
    dump.events = {{1, 1, "claimed", "", "IN_FLIGHT"}, {2, 1, "settled", "IN_FLIGHT", state}};
    return dump;
  }

  World world_{1, Trace::Print::kNo};
  Downstream downstream_{world_};
  History history_{world_, downstream_};
  Said said_;
  Answer answer_;
};

TEST_F(HistoryTest, FindsNothingWhenAllIsWell) {
  Book("k");
  history_.OnAnswer(said_, answer_);
  history_.CheckLedger(Ledger("SUCCEEDED"));
  EXPECT_EQ(world_.failure, "");
}

TEST_F(HistoryTest, FindsASecondBooking) {
  world_.faults.unique_slots = false;
  Book("k");
  Book("k2");
  EXPECT_THAT(world_.failure, HasSubstr("I1"));
}

TEST_F(HistoryTest, FindsASuccessThatNeverWas) {
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("I2"));
}

TEST_F(HistoryTest, FindsAToldSuccessThatTheLedgerHasLost) {
  Book("k");
  history_.OnAnswer(said_, answer_);
  Dump dump = Ledger("SUCCEEDED");
  dump.intents[0].key = "other";
  history_.CheckLedger(dump);
  EXPECT_THAT(world_.failure, HasSubstr("I2"));
}

TEST_F(HistoryTest, FindsTwoResultsOfOneKey) {
  Book("k");
  answer_.result_json = R"({"id":1})";
  history_.OnAnswer(said_, answer_);
  answer_.result_json = R"({"id":2})";
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("I5"));
}

TEST_F(HistoryTest, FindsASuccessForSomebodyElse) {
  Book("k");
  said_.patient = "pA-9";
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("I5"));
}

TEST_F(HistoryTest, FindsWhatAnotherTenantMayNotHear) {
  Book("k");
  answer_.guidance.llm_text = "booked for pB-3";
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("I9"));
}

TEST_F(HistoryTest, FindsALookUpThatShowsWhatWasBeforeAWrite) {
  world_.faults.eventual = false;
  Book("k");
  said_.tool = kLookUp;
  said_.appointment = 1;
  Answer look_up;
  look_up.result_json = R"({"found":[{"id":1}]})";
  history_.OnAnswer(said_, look_up);
  EXPECT_EQ(world_.failure, "");
  look_up.result_json = R"({"found":[]})";
  history_.OnAnswer(said_, look_up);
  EXPECT_THAT(world_.failure, HasSubstr("READ"));
}

TEST_F(HistoryTest, FindsWhatIsLeftOfAnErasure) {
  Book("k");
  Dump dump = Ledger("SUCCEEDED");
  dump.intents[0].erased = true;
  dump.intents[0].bodies = 1;
  history_.CheckLedger(dump);
  EXPECT_THAT(world_.failure, HasSubstr("contents"));
}

TEST_F(HistoryTest, FindsAnErasureThatWasToldAndIsLost) {
  Book("k");
  history_.OnErased("A", "s", {.erased = 1});
  history_.CheckLedger(Ledger("SUCCEEDED"));
  EXPECT_THAT(world_.failure, HasSubstr("erased"));
}

TEST_F(HistoryTest, FindsAnIntentThatStaysOpen) {
  Book("k");
  history_.CheckLedger(Ledger("UNKNOWN"));
  EXPECT_THAT(world_.failure, HasSubstr("I6"));
}

TEST_F(HistoryTest, FindsAChangeWithoutARecord) {
  Book("k");
  Dump dump = Ledger("SUCCEEDED");
  dump.events.pop_back();
  history_.CheckLedger(dump);
  EXPECT_THAT(world_.failure, HasSubstr("I7"));
}

TEST_F(HistoryTest, FindsABookingThatTheLedgerCallsRejected) {
  Book("k");
  history_.CheckLedger(Ledger("REJECTED"));
  EXPECT_THAT(world_.failure, HasSubstr("I2"));
}

TEST_F(HistoryTest, FindsASecondEffectOfOneKeyAfterACancellation) {
  Receive("book_diary", "k");
  Receive("cancel_diary", "c");
  EXPECT_EQ(world_.failure, "");
  Receive("book_diary", "k");
  EXPECT_THAT(world_.failure, HasSubstr("took effect twice"));
}

TEST_F(HistoryTest, FindsWhatIsDoneForACallThatWasRefused) {
  said_.trace = "t";
  answer_.disposition = Disposition::kWithdrawn;
  answer_.intent->state = IntentState::kRejected;
  history_.OnAnswer(said_, answer_);
  EXPECT_EQ(world_.failure, "");
  Book("k", "t");
  history_.CheckLedger(Ledger("SUCCEEDED"));
  EXPECT_THAT(world_.failure, HasSubstr("WITHDRAWN"));
}

TEST_F(HistoryTest, FindsWhatWasDoneForACallThatEndsAsAStatus) {
  said_.trace = "t";
  Book("k", "t");
  history_.OnStatus(said_, absl::UnavailableError("draining"));
  EXPECT_THAT(world_.failure, HasSubstr("UNAVAILABLE"));
}

TEST_F(HistoryTest, FindsAStatusThatNoCallOfTheseHasEarned) {
  history_.OnStatus(said_, absl::InvalidArgumentError("tool_call_id"));
  EXPECT_THAT(world_.failure, HasSubstr("INVALID_ARGUMENT"));
}

TEST_F(HistoryTest, FindsADriftThatIsNone) {
  Book("k");
  answer_.disposition = Disposition::kConflict;
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("R8"));
}

TEST_F(HistoryTest, FindsAnotherAnswerToTheSameDelivery) {
  said_.trace = "t1";
  Book("k");
  history_.OnAnswer(said_, answer_);
  said_.trace = "t2";
  answer_.intent->key = "k2";
  answer_.disposition = Disposition::kPending;
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("R6"));
}

TEST_F(HistoryTest, FindsWhatIsDoneForADeliveryThatHasItsAnswer) {
  world_.faults.unique_slots = false;
  said_.trace = "t1";
  Book("k");
  history_.OnAnswer(said_, answer_);
  said_.trace = "t2";
  history_.OnDelivered(said_);
  Book("k2", "t2");
  world_.failure.clear();
  history_.OnDelivered(said_);
  EXPECT_THAT(world_.failure, HasSubstr("told before"));
}

TEST_F(HistoryTest, FindsWhatAnotherConversationMayNotHear) {
  history_.wishes().push_back({.id = 1, .tenant = "A", .session = "t", .patient = "pA-1"});
  Book("k");
  answer_.guidance.llm_text = "booked for pA-12";
  history_.OnAnswer(said_, answer_);
  EXPECT_EQ(world_.failure, "");
  answer_.guidance.llm_text = "booked for pA-1.";
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("I9"));
}

TEST_F(HistoryTest, FindsAGenerationOverOneThatStands) {
  Dump dump = Ledger("SUCCEEDED");
  Dump::Intent next = Row("REJECTED");
  next.row = 2;
  next.generation = 2;
  next.key = "k2";
  dump.intents.push_back(next);
  dump.events.push_back({.seq = 3, .row = 2, .to = "IN_FLIGHT"});
  dump.events.push_back({.seq = 4, .row = 2, .from = "IN_FLIGHT", .to = "REJECTED"});
  Book("k");
  history_.CheckLedger(dump);
  EXPECT_THAT(world_.failure, HasSubstr("opened over"));
}

TEST_F(HistoryTest, FindsWhatIsLeftToAPersonTooSoon) {
  Dump dump = Ledger("REVIEW");
  dump.intents[0].attempts = 2;
  dump.events[1].from = "UNKNOWN";
  dump.events[1].rule = "limit.resend";
  dump.events.insert(dump.events.begin() + 1,
                     {.seq = 2, .row = 1, .from = "IN_FLIGHT", .to = "UNKNOWN"});
  dump.events[2].seq = 3;
  history_.CheckRestored(dump);
  EXPECT_THAT(world_.failure, HasSubstr("left to a person"));
}

TEST_F(HistoryTest, FindsAnAttemptThatIsNotRecorded) {
  SentLog log;
  log.keys["k"].sends = 2;
  Dump dump = Ledger("SUCCEEDED");
  dump.intents[0].attempts = dump.intents[0].last_attempt = 2;
  history_.CheckAttempts(dump, log);
  EXPECT_EQ(world_.failure, "");
  dump.intents[0].attempts = dump.intents[0].last_attempt = 1;
  history_.CheckAttempts(dump, log);
  EXPECT_THAT(world_.failure, HasSubstr("2 times"));
}

TEST_F(HistoryTest, FindsAnOutcomeThatNobodyIsTold) {
  said_.life = 3;
  answer_.disposition = Disposition::kUncertain;
  history_.OnAnswer(said_, answer_);
  history_.CheckPushes(Ledger("SUCCEEDED"), 4);
  EXPECT_EQ(world_.failure, "");
  history_.CheckPushes(Ledger("SUCCEEDED"), 3);
  EXPECT_THAT(world_.failure, HasSubstr("R9"));
}

TEST_F(HistoryTest, FindsASealedResultInClear) {
  Book("k");
  Dump dump = Ledger("SUCCEEDED");
  dump.intents[0].sealed = true;
  dump.intents[0].result = "{}";
  history_.CheckLedger(dump);
  EXPECT_THAT(world_.failure, HasSubstr("I11"));
}

TEST_F(HistoryTest, FindsAnEventThatIsAnotherOneAfterADeath) {
  Dump after = Ledger("SUCCEEDED");
  after.events[0].hash = "another";
  history_.CheckKept(Ledger("SUCCEEDED"), after);
  EXPECT_THAT(world_.failure, HasSubstr("I7"));
}

// Of an API whose cancellations name the slot and the patient.
class HistoryOfCancellationsTest : public HistoryTest {
 protected:
  HistoryOfCancellationsTest() {
    history_.wishes()[0].nature = Nature::kDesk;
    said_.tool = answer_.tool = "book_desk";
  }
  // What was told of the cancellation with key "c", which was asked for now.
  void TellCancelled(Disposition disposition) {
    said_.tool = answer_.tool = "cancel_desk";
    said_.first_said_at = world_.loop.Elapsed();
    answer_.disposition = disposition;
    answer_.intent->id = "ic";
    answer_.intent->key = "c";
    answer_.intent->state =
        disposition == Disposition::kDone ? IntentState::kSucceeded : IntentState::kRejected;
    history_.OnAnswer(said_, answer_);
  }
  static Dump Cancelled(const std::string& booking, const std::string& cancellation) {
    Dump dump = Ledger("SUCCEEDED");
    dump.intents[0].tool = "book_desk";
    dump.intents[0].state = booking;
    if (booking != "SUCCEEDED") dump.events.push_back({3, 1, "reversed", "SUCCEEDED", booking});
    const int64_t seq = std::ssize(dump.events);
    Dump::Intent cancel = Row(cancellation);
    cancel.row = 2;
    cancel.intent_id = "ic";
    cancel.key = "c";
    cancel.tool = "cancel_desk";
    cancel.reverses_row = 1;
    dump.intents.push_back(cancel);
    dump.events.push_back({seq + 1, 2, "claimed", "", "IN_FLIGHT"});
    dump.events.push_back({seq + 2, 2, "settled", "IN_FLIGHT", cancellation});
    return dump;
  }
};

TEST_F(HistoryOfCancellationsTest, FindsNothingWhenAllIsWell) {
  Receive("book_desk", "k");
  history_.OnAnswer(said_, answer_);
  Pass(absl::Seconds(1));
  Receive("cancel_desk", "c");
  TellCancelled(Disposition::kDone);
  history_.CheckLedger(Cancelled("REVERSED", "SUCCEEDED"));
  EXPECT_EQ(world_.failure, "");
}

TEST_F(HistoryOfCancellationsTest, FindsOneThatWasToldAndNeverWas) {
  Receive("book_desk", "k");
  TellCancelled(Disposition::kDone);
  EXPECT_THAT(world_.failure, HasSubstr("stands"));
}

TEST_F(HistoryOfCancellationsTest, FindsOneThatWasToldToBeRejectedAndWas) {
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  TellCancelled(Disposition::kRejected);
  EXPECT_THAT(world_.failure, HasSubstr("has cancelled"));
}

TEST_F(HistoryOfCancellationsTest, FindsASuccessThatIsUndone) {
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  Pass(absl::Seconds(1));
  said_.first_said_at = world_.loop.Elapsed();
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("R7"));
}

TEST_F(HistoryOfCancellationsTest, FindsOneThatHitsWhatWasBookedAfterIt) {
  downstream_.NoteSent("c");
  Pass(absl::Seconds(1));
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  EXPECT_THAT(world_.failure, HasSubstr("sent before"));
}

TEST_F(HistoryOfCancellationsTest, FindsABookingThatIsNotGoneAtTheEnd) {
  Receive("book_desk", "k");
  history_.CheckLedger(Cancelled("REVERSED", "SUCCEEDED"));
  EXPECT_THAT(world_.failure, HasSubstr("stands"));
}

TEST_F(HistoryOfCancellationsTest, FindsABookingThatIsGoneAndRecordedAsDone) {
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  history_.CheckLedger(Cancelled("SUCCEEDED", "SUCCEEDED"));
  EXPECT_THAT(world_.failure, HasSubstr("is gone"));
}

TEST_F(HistoryOfCancellationsTest, FindsOneThatTheLedgerCallsRejected) {
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  history_.CheckLedger(Cancelled("REVERSED", "REJECTED"));
  EXPECT_THAT(world_.failure, HasSubstr("has undone"));
}

TEST_F(HistoryOfCancellationsTest, FindsARestorationThatWasToldAndNeverWas) {
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  said_.tool = answer_.tool = "restore_desk";
  history_.OnAnswer(said_, answer_);
  EXPECT_THAT(world_.failure, HasSubstr("restored nothing"));
}

TEST_F(HistoryOfCancellationsTest, FindsWhatIsRestoredAndRecordedAsUndone) {
  Receive("book_desk", "k");
  Receive("cancel_desk", "c");
  Pass(absl::Seconds(1));
  Receive("restore_desk", "r");
  EXPECT_EQ(world_.failure, "");
  history_.CheckLedger(Cancelled("REVERSED", "SUCCEEDED"));
  EXPECT_THAT(world_.failure, HasSubstr("stands"));
}

TEST_F(HistoryTest, FindsAnOutcomeThatADeathHasChanged) {
  history_.CheckKept(Ledger("SUCCEEDED"), Ledger("REJECTED"));
  EXPECT_THAT(world_.failure, HasSubstr("I12"));
}

}  // namespace
}  // namespace onetake::sim
