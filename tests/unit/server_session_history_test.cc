// Where a session's stream begins, and what it is told of what settled before.
#include <gmock/gmock.h>

#include <numeric>

#include "runtime/base/status.h"
#include "runtime/engine/turns.h"
#include "tests/testing/session_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionHistoryTest : public SessionFixture {};

TEST_F(SessionHistoryTest, HistoryIsToldInPagesAndOnlyWhatIsAnOutcome) {
  Run(Call("none"));
  for (int64_t seq = 1; seq <= 450; ++seq) {
    history_.events.push_back(Settled(seq, seq % 3 == 0 ? "settled" : "claimed"));
  }
  FakeWriter writer;
  const auto stream = Open(writer, 300);
  const std::vector<int64_t> seqs = Seqs(writer.Of(v1::SessionEvent::kSettled));
  ASSERT_THAT(seqs, SizeIs(50));
  EXPECT_EQ(seqs.front(), 303);
  EXPECT_EQ(seqs.back(), 450);
  EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end()));
}

TEST_F(SessionHistoryTest, WhatSettlesWhileHistoryIsReadIsToldOnce) {
  Run(Call("none"));
  history_.events.push_back(Settled(5));
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  IntentRecord record = ledger.intents[0];
  for (const int64_t seq : {5, 6}) {  // 5 is in the page that is on its way
    record.last_seq = seq;
    stream->OnSettled(record, Answer{});
  }
  EXPECT_THAT(writer.Of(v1::SessionEvent::kSettled), IsEmpty());
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  EXPECT_THAT(Seqs(writer.Of(v1::SessionEvent::kSettled)), ::testing::ElementsAre(5, 6));
}

// They stand behind auditors, who may ask as much as the ledger answers.
TEST_F(SessionHistoryTest, WhatTheLedgerHasNoTimeForIsAskedAgain) {
  Run(Call("none"));
  history_.events.push_back(Settled(1));
  history_.refusals = 1;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  EXPECT_THAT(writer.events, IsEmpty());
  history_.hold_place = true;
  sim->Advance(absl::Seconds(1));
  history_.refusals = 1;
  history_.Release();  // its place
  sim->RunReady();
  EXPECT_THAT(writer.Of(v1::SessionEvent::kOpened), SizeIs(1));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kSettled), IsEmpty());
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(history_.pages, 2);
  EXPECT_THAT(Seqs(writer.Of(v1::SessionEvent::kSettled)), ElementsAre(1));
  EXPECT_FALSE(writer.ended.has_value());
}

TEST_F(SessionHistoryTest, WhoHasMissedNothingAsksForNoHistory) {
  Run(Call("none"));
  history_.events.push_back(Settled(5));
  for (const std::optional<int64_t> after : {std::optional<int64_t>(), std::optional<int64_t>(5)}) {
    FakeWriter writer;
    const auto stream = Open(writer, after);
    IntentRecord record = ledger.intents[0];
    record.last_seq = 6;
    stream->OnSettled(record, Answer{});
    EXPECT_THAT(Seqs(writer.Of(v1::SessionEvent::kSettled)), ElementsAre(6));
    stream->OnClosed();
  }
  EXPECT_EQ(history_.pages, 0);
}

// What another session has claimed is not in the list of this one's events.
TEST_F(SessionHistoryTest, WhatSettlesOfAnotherSessionWhileHistoryIsReadIsTold) {
  Run(Call("keyed"));
  history_.events.push_back(Settled(6, "claimed"));
  history_.hold = true;
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(6)));
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  Execute(*stream, "r1", "none");
  sim->Advance(absl::Seconds(5));
  ASSERT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1)) << "PENDING";
  IntentRecord record = ledger.intents.at(1);
  record.session_id = "other";
  record.last_seq = 5;
  stream->OnSettled(record, Answer{});
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  const auto settled = writer.Of(v1::SessionEvent::kSettled);
  ASSERT_THAT(Seqs(settled), ElementsAre(5));
  EXPECT_EQ(settled[0].request_id(), "r1");
}

// The ledger has them, so not all of them are kept.
TEST_F(SessionHistoryTest, HoweverManySettleWhileHistoryIsReadEachIsToldOnceAndInOrder) {
  Run(Call("none"));
  history_.events.push_back(Settled(1));
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  IntentRecord record = ledger.intents[0];
  for (int64_t seq = 2; seq <= 300; ++seq) {
    history_.events.push_back(Settled(seq));
    record.last_seq = seq;
    stream->OnSettled(record, Answer{});
  }
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  std::vector<int64_t> all(300);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(Seqs(writer.Of(v1::SessionEvent::kSettled)), all);
  EXPECT_EQ(history_.pages, 3) << "the one that was held, and two that have the rest";
}

// Its result is the answer of a call that is sent again, as a peer that comes back does.
TEST_F(SessionHistoryTest, WhatACallThatIsSentAgainIsToldIsNotToldOnceMore) {
  Run(Call("none"));
  for (const int64_t seq : {7, 8}) history_.events.push_back(Settled(seq));
  history_.events[1].intent_id = "pruned";
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  Execute(*stream, "r1", "none");
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  EXPECT_THAT(writer.Of(v1::SessionEvent::kSettled), IsEmpty());
  const auto results = writer.Of(v1::SessionEvent::kResult);
  ASSERT_THAT(Seqs(results), ElementsAre(7));
  EXPECT_EQ(results[0].request_id(), "r1");
  EXPECT_TRUE(results[0].result().replayed());
}

TEST_F(SessionHistoryTest, WhatWasToldOnAnEarlierStreamIsToldToACallThatIsSentAgain) {
  Run(Call("none"));
  history_.events.push_back(Settled(7));
  history_.events.push_back(Settled(8, "claimed"));
  FakeWriter writer;
  const auto stream = Open(writer, 7);
  Execute(*stream, "r1", "none");
  ASSERT_THAT(Seqs(writer.Of(v1::SessionEvent::kResult)), ElementsAre(0));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kSettled), IsEmpty());
}

TEST_F(SessionHistoryTest, AResultDoesNotOvertakeTheHistory) {
  Run(Call("none"));
  history_.events.push_back(Settled(1));
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  Execute(*stream, "r1", "keyed");
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kResult), IsEmpty());
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  ASSERT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1));
  EXPECT_EQ(writer.events.back().kind_case(), v1::SessionEvent::kResult);
}

// A peer that comes back behind what settled last would not be told of the result.
TEST_F(SessionHistoryTest, AResultIsToldBeforeWhatSettledAfterIt) {
  Run(Call("none"));
  history_.events.push_back(Settled(1));
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  Execute(*stream, "r1", "keyed");
  sim->Advance(absl::Seconds(1));
  IntentRecord record = ledger.intents[0];
  record.last_seq = 1'000;
  stream->OnSettled(record, Answer{});
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  ASSERT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1));
  EXPECT_EQ(writer.events.back().seq(), 1'000);
}

TEST_F(SessionHistoryTest, ResultsThatWaitForTheHistoryAreBounded) {
  Run(Call("none"));
  history_.events.push_back(Settled(1));
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  for (size_t i = 0; i <= SessionStream::kMostRequests; ++i) {
    v1::SessionRequest request;
    request.mutable_execute()->set_request_id(absl::StrCat("r", i));
    request.mutable_execute()->mutable_call()->set_tool("none");
    request.mutable_execute()->mutable_call()->set_arguments_json(
        absl::StrCat(R"({"slot_iso":"2026-06-24T14:00:00Z","provider_id":"p)", i, R"("})"));
    stream->OnRequest(request);
    sim->Advance(absl::Seconds(1));
  }
  const auto errors = writer.Of(v1::SessionEvent::kError);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].error().detail().reason(), "OVERLOADED");
}

TEST_F(SessionHistoryTest, WhatWasPrunedMeanwhileIsPassedOver) {
  Run(Call("none"));
  for (int64_t seq = 1; seq <= 3; ++seq) history_.events.push_back(Settled(seq));
  history_.events[1].intent_id = "pruned";
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  EXPECT_THAT(Seqs(writer.Of(v1::SessionEvent::kSettled)), ElementsAre(1, 3));
  EXPECT_FALSE(writer.ended.has_value());
}

// Whoever only fetches what it has missed asks for nothing more at once.
TEST_F(SessionHistoryTest, APeerThatOnlyListensIsToldAllBeforeItsEnd) {
  Run(Call("none"));
  for (int64_t seq = 1; seq <= 450; ++seq) history_.events.push_back(Settled(seq));
  history_.hold_place = true;
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 10);
  stream->OnHalfClosed();
  EXPECT_FALSE(writer.ended.has_value());
  history_.Release();  // its place
  sim->RunReady();
  EXPECT_FALSE(writer.ended.has_value());
  history_.hold = false;
  history_.Release();  // the first page
  sim->RunReady();
  EXPECT_THAT(writer.Of(v1::SessionEvent::kOpened), SizeIs(1));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kSettled), SizeIs(440));
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_THAT(*writer.ended, IsOk());
}

TEST_F(SessionHistoryTest, APeerThatLeavesOffBetweenTwoPagesIsToldTheSecond) {
  Run(Call("none"));
  for (int64_t seq = 1; seq <= 450; ++seq) history_.events.push_back(Settled(seq));
  history_.hold = true;
  FakeWriter writer;
  const auto stream = Open(writer, 0);
  Execute(*stream, "r1", "unheard of");
  stream->OnHalfClosed();
  history_.hold = false;
  history_.Release();
  sim->RunReady();
  EXPECT_THAT(writer.Of(v1::SessionEvent::kSettled), SizeIs(450));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1));
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_THAT(*writer.ended, IsOk());
}

TEST_F(SessionHistoryTest, ItIsToldWhereItBeginsBeforeAnythingElse) {
  history_.hold_place = true;
  FakeWriter writer;
  const auto stream = Open(writer);
  Execute(*stream, "r1", "unheard of");
  stream->OnMalformed();
  Execute(*stream, "r2", "none");
  stream->OnHalfClosed();
  sim->Advance(absl::Seconds(10));
  EXPECT_THAT(writer.events, IsEmpty());
  EXPECT_FALSE(writer.ended.has_value());
  history_.Release();
  sim->Advance(absl::Seconds(10));
  std::vector<v1::SessionEvent::KindCase> kinds;
  for (const v1::SessionEvent& event : writer.events) kinds.push_back(event.kind_case());
  using Kind = v1::SessionEvent;
  EXPECT_THAT(kinds, ::testing::ElementsAre(Kind::kOpened, Kind::kResult, Kind::kError,
                                            Kind::kAccepted, Kind::kResult));
  ASSERT_TRUE(writer.ended.has_value()) << "with the last result";
  EXPECT_THAT(*writer.ended, IsOk());
}

TEST_F(SessionHistoryTest, WhatWasAskedAtOnceIsToldHoweverLateItsPlaceIsKnown) {
  history_.hold_place = true;
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(6)));
  Execute(*stream, "r1", "none");
  // Longer than the tool's patience, and than the attempt.
  sim->Advance(absl::Seconds(7));
  const int64_t recorded = ledger.last_seq();
  if (recorded > 0) history_.events.push_back(Settled(recorded));
  history_.Release();
  sim->Advance(absl::Seconds(7));
  const auto settled = writer.Of(v1::SessionEvent::kSettled);
  ASSERT_THAT(settled, SizeIs(1)) << "after the PENDING at the end of patience";
  EXPECT_EQ(settled[0].settled().response().disposition(), v1::DISPOSITION_DONE);
}

TEST_F(SessionHistoryTest, TheBytesOfWhatIsAskedBeforeItBeginsAreBounded) {
  history_.hold_place = true;
  FakeWriter writer;
  const auto stream = Open(writer);
  v1::SessionRequest request;
  request.mutable_execute()->mutable_call()->set_arguments_json(
      std::string(limits::kMessageBytes - 1024, 'x'));
  stream->OnRequest(request);
  EXPECT_FALSE(writer.ended.has_value());
  size_t more = 0;
  while (!writer.ended.has_value() && more < SessionStream::kMostEarly) {
    stream->OnRequest(request);
    ++more;
  }
  EXPECT_LE(more, SessionStream::kMostEarlyBytes / limits::kMessageBytes);
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_EQ(GetDetail(*writer.ended)->reason, "OVERLOADED");
}

TEST_F(SessionHistoryTest, WhatIsAskedBeforeItBeginsIsBounded) {
  history_.hold_place = true;
  FakeWriter writer;
  const auto stream = Open(writer);
  for (size_t i = 0; i < SessionStream::kMostEarly; ++i) Execute(*stream, "r", "none");
  EXPECT_FALSE(writer.ended.has_value());
  Execute(*stream, "r", "none");
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_EQ(GetDetail(*writer.ended)->reason, "OVERLOADED");
  history_.Release();
  sim->RunReady();
  EXPECT_THAT(ledger.intents, IsEmpty());
}

// What a person refused arrives after all, behind another event that the peer has seen or not.
TEST_F(SessionHistoryTest, AConflictIsPushedWithItsNumberAndNotToldAgain) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Execute(*stream, "r1", "keyed");
  sim->Advance(absl::Seconds(2));
  engine->Resolve({.tenant = "t",
                   .intent_id = ledger.intents.at(0).intent_id,
                   .verdict = IntentState::kRejected,
                   .by = "dana",
                   .evidence_json = "{}",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  const int64_t recorded = ledger.last_seq();
  const auto pushed = writer.Of(v1::SessionEvent::kSettled);
  ASSERT_FALSE(pushed.empty());
  EXPECT_EQ(pushed.back().seq(), recorded);
  EXPECT_EQ(pushed.back().settled().response().disposition(), v1::DISPOSITION_NEEDS_REVIEW);
  stream->OnClosed();
  history_.events.push_back(Settled(recorded, "conflict"));
  for (const auto& [after, told] : {std::pair(recorded - 1, 1U), std::pair(recorded, 0U)}) {
    FakeWriter again;
    const auto resumed = Open(again, after);
    EXPECT_THAT(again.Of(v1::SessionEvent::kSettled), SizeIs(told)) << after;
    resumed->OnClosed();
  }
}

// R20: the peer that comes back must not speak of it either.
class DiscardedTurnHistoryTest : public SessionHistoryTest {
 protected:
  void SetUp() override {
    executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(6)));
    stream_ = Open(writer_);
    ExecuteIn("t1");
  }
  void ExecuteIn(const std::string& turn, std::optional<absl::Duration> patience = std::nullopt) {
    v1::SessionRequest request;
    if (patience.has_value()) {
      request.mutable_execute()->mutable_call()->set_patience_ms(ToInt64Milliseconds(*patience));
    }
    request.mutable_execute()->set_request_id(turn);
    request.mutable_execute()->mutable_call()->set_tool("none");
    request.mutable_execute()->mutable_call()->set_turn_id(turn);
    request.mutable_execute()->mutable_call()->set_arguments_json(std::string(kBooking));
    stream_->OnRequest(request);
    sim->RunReady();
  }
  void Discard(const std::string& turn) {
    v1::SessionRequest request;
    request.mutable_barge_in()->set_turn_id(turn);
    stream_->OnRequest(request);
  }
  std::string TurnOfTheSettled(FakeWriter& writer) {
    const auto settled = writer.Of(v1::SessionEvent::kSettled);
    EXPECT_THAT(settled, SizeIs(1));
    return settled.empty() ? "nothing is told" : settled[0].settled().discarded_turn();
  }
  std::string TurnInTheHistory() {
    history_.events.push_back(Settled(ledger.last_seq()));
    FakeWriter writer;
    const auto resumed = Open(writer, 0);
    resumed->OnClosed();
    return TurnOfTheSettled(writer);
  }

  FakeWriter writer_;
  std::shared_ptr<SessionStream> stream_;
};

TEST_F(DiscardedTurnHistoryTest, WhatSettledWhileNobodyListenedIsMarked) {
  Discard("t1");
  stream_->OnClosed();
  Settle();
  EXPECT_EQ(TurnInTheHistory(), "t1");
}

TEST_F(DiscardedTurnHistoryTest, WhatSettlesAfterTheReturnIsMarked) {
  Discard("t1");
  stream_->OnClosed();
  FakeWriter writer;
  const auto resumed = Open(writer);
  Settle();
  EXPECT_EQ(TurnOfTheSettled(writer), "t1");
}

TEST_F(DiscardedTurnHistoryTest, WhatAnotherTurnWantsIsNotMarked) {
  ExecuteIn("t2");
  Discard("t1");
  stream_->OnClosed();
  Settle();
  EXPECT_EQ(TurnInTheHistory(), "");
}

TEST_F(DiscardedTurnHistoryTest, WhatAnotherTurnWantsIsNotMarkedWhereItIsHeardAtOnce) {
  sim->Advance(absl::Seconds(4));  // t1 was told that it is PENDING
  ExecuteIn("t2");
  sim->Advance(absl::Milliseconds(100));
  ExecuteIn("t3", absl::ZeroDuration());
  Discard("t3");
  EXPECT_THAT(writer_.Of(v1::SessionEvent::kResult), SizeIs(2)) << "of t1 and t3";
  stream_->OnSettled(ledger.intents.at(0), Answer{});
  const auto settled = writer_.Of(v1::SessionEvent::kSettled);
  ASSERT_THAT(settled, SizeIs(1));
  EXPECT_EQ(settled[0].settled().discarded_turn(), "");
  EXPECT_EQ(settled[0].request_id(), "t1");
}

TEST_F(DiscardedTurnHistoryTest, WhatAnotherTurnWasToldIsOpenIsNotMarkedInTheResult) {
  sim->Advance(absl::Seconds(4));  // t1 was told that it is PENDING
  ExecuteIn("t2");
  Discard("t2");
  Settle();
  EXPECT_EQ(TurnOfTheSettled(writer_), "");
}

TEST_F(DiscardedTurnHistoryTest, ATurnThatIsForgottenMarksNothing) {
  Discard("t1");
  stream_->OnClosed();
  Settle();
  sim->Advance(DiscardedTurns::kRemembered);
  EXPECT_EQ(TurnInTheHistory(), "");
}

TEST_F(DiscardedTurnHistoryTest, WhileItIsOpenNothingMayBeSpokenOfIt) {
  Discard("t1");
  sim->Advance(absl::Seconds(5));
  const auto results = writer_.Of(v1::SessionEvent::kResult);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].result().disposition(), v1::DISPOSITION_PENDING);
  EXPECT_EQ(results[0].result().guidance().say(), "");
  EXPECT_FALSE(results[0].result().guidance().must_not_say().empty());
}

TEST_F(SessionHistoryTest, ATenantWithoutEventsBeginsBehindThoseOfOthers) {
  history_.last_of_others = 5'000'000;
  FakeWriter writer;
  const auto stream = Open(writer);
  ASSERT_THAT(writer.events, SizeIs(1));
  EXPECT_EQ(writer.events[0].seq(), 5'000'000);
  EXPECT_FALSE(writer.ended.has_value());
}

TEST_F(SessionHistoryTest, APositionBeyondTheEndIsTheEnd) {
  Run(Call("none"));
  history_.events.push_back(Settled(5));
  FakeWriter writer;
  const auto stream = Open(writer, 1'000'000);
  EXPECT_EQ(writer.events[0].seq(), 5) << "another ledger, or a restored one";
}

}  // namespace
}  // namespace onetake::testing
