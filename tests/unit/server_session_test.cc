// A session's stream without gRPC, on a simulated clock.
#include <gmock/gmock.h>

#include "runtime/base/status.h"
#include "tests/testing/session_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionStreamTest : public SessionFixture {};

TEST_F(SessionStreamTest, TwoTenantsSessionsOfOneNameAreTwo) {
  FakeWriter ours;
  const auto stream = Open(ours);
  caller_.principal.tenant = "other";
  FakeWriter theirs;
  const auto other = Open(theirs);
  EXPECT_FALSE(ours.ended.has_value()) << "not taken over";
  Execute(*stream, "r1", "none");
  Settle();
  EXPECT_THAT(ours.Of(v1::SessionEvent::kResult), SizeIs(1));
  EXPECT_THAT(theirs.events, SizeIs(1)) << "only that it was opened";
}

TEST_F(SessionStreamTest, ATenantsStreamsLeaveRoomForAnothersAndGiveTheirPlacesBack) {
  std::vector<FakeWriter> writers(3);
  const auto first = hub_->Connect(caller_, writers[0]);
  const auto second = hub_->Connect(caller_, writers[1]);
  const auto third = hub_->Connect(caller_, writers[2]);
  ASSERT_TRUE(writers[2].ended.has_value());
  EXPECT_EQ(GetDetail(*writers[2].ended)->reason, "TENANT_OVERLOADED");
  caller_.principal.tenant = "other";
  FakeWriter theirs;
  const auto other = hub_->Connect(caller_, theirs);
  EXPECT_FALSE(theirs.ended.has_value());
  caller_.principal.tenant = "t";
  first->OnClosed();
  FakeWriter again;
  const auto fourth = hub_->Connect(caller_, again);
  EXPECT_FALSE(again.ended.has_value());
}

TEST_F(SessionStreamTest, ACredentialThatEndsEndsTheStreamAtTheNextRequest) {
  absl::Status still = absl::OkStatus();
  caller_.still_allowed = [&still] { return still; };
  FakeWriter writer;
  const auto stream = Open(writer);
  still = absl::UnauthenticatedError("revoked");
  Execute(*stream, "r1", "none");
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_EQ(writer.ended->code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(ledger.intents, IsEmpty());
}

TEST_F(SessionStreamTest, AToolOfOtherTenantsIsUnknown) {
  caller_.principal.tools =
      std::make_shared<const std::set<std::string>>(std::set<std::string>{"keyed"});
  FakeWriter writer;
  const auto stream = Open(writer);
  Execute(*stream, "r1", "none");
  const auto results = writer.Of(v1::SessionEvent::kResult);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].result().disposition(), v1::DISPOSITION_INVALID);
  EXPECT_THAT(ledger.intents, IsEmpty());
}

TEST_F(SessionStreamTest, APeerThatSaysNothingIsLetGo) {
  FakeWriter writer;
  const auto stream = hub_->Connect(caller_, writer);
  sim->Advance(absl::Seconds(4));
  EXPECT_FALSE(writer.ended.has_value());
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_EQ(writer.ended->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionStreamTest, ASlowReaderIsCutOffAndItsWriteGoesOn) {
  FakeWriter writer;
  const auto stream = Open(writer);
  writer.room = writer.events.size();
  Execute(*stream, "r1", "none");
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_EQ(GetDetail(*writer.ended)->reason, "SLOW_READER");
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(ledger.intents[0].state, IntentState::kSucceeded);
}

TEST_F(SessionStreamTest, WhileAnswersAreUnreadARequestIsRefusedUnclaimedAndAResultIsStillTold) {
  FakeWriter writer;
  const auto stream = Open(writer);
  Execute(*stream, "r1", "none");
  {
    const UnreadAnswers::Hold elsewhere = unread_.Add("t", 51, nullptr);
    Settle();
    EXPECT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1));
    Execute(*stream, "r2", "keyed");
    const auto errors = writer.Of(v1::SessionEvent::kError);
    ASSERT_THAT(errors, SizeIs(1));
    EXPECT_EQ(errors[0].request_id(), "r2");
    EXPECT_EQ(errors[0].error().detail().reason(), "ANSWERS_UNREAD");
    EXPECT_TRUE(errors[0].error().detail().safe_to_resend());
    EXPECT_THAT(ledger.intents, SizeIs(1));
  }
  EXPECT_FALSE(writer.ended.has_value());
  Execute(*stream, "r2", "keyed");
  EXPECT_THAT(ledger.intents, SizeIs(2));
}

TEST_F(SessionStreamTest, RequestsWithoutAResultAreBounded) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  for (size_t i = 0; i <= SessionStream::kMostRequests; ++i) {
    Execute(*stream, absl::StrCat("r", i), "none");
  }
  const auto errors = writer.Of(v1::SessionEvent::kError);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].error().detail().reason(), "OVERLOADED");
  sim->Advance(absl::Seconds(4));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(SessionStream::kMostRequests));
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(SessionStreamTest, AFillerComesOnceAndNotAfterTheAnswer) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Execute(*stream, "r1", "none");
  sim->Advance(absl::Milliseconds(1499));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kProgress), IsEmpty());
  sim->Advance(absl::Milliseconds(1));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kProgress), SizeIs(1));
  sim->Advance(absl::Seconds(10));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kProgress), SizeIs(1));
  Execute(*stream, "r2", "find");
  sim->Advance(absl::Seconds(10));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kProgress), SizeIs(1));
}

TEST_F(SessionStreamTest, AHalfClosedStreamEndsWithItsLastResult) {
  FakeWriter writer;
  const auto stream = Open(writer);
  Execute(*stream, "r1", "none");
  stream->OnHalfClosed();
  EXPECT_FALSE(writer.ended.has_value());
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_THAT(*writer.ended, IsOk());
  EXPECT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1));
}

TEST_F(SessionStreamTest, AHalfClosedStreamEndsWhenItsLastAnswerIsAnError) {
  FakeWriter writer;
  const auto stream = Open(writer);
  ledger.fail_claims = 1;
  ledger.Hold();
  Execute(*stream, "r1", "none");
  stream->OnHalfClosed();
  EXPECT_FALSE(writer.ended.has_value());
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(writer.Of(v1::SessionEvent::kError), SizeIs(1));
  ASSERT_TRUE(writer.ended.has_value());
  EXPECT_THAT(*writer.ended, IsOk());
}

TEST_F(SessionStreamTest, WhatADiscardedTurnWasToldIsOpenIsAResultFirst) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(6)));
  v1::SessionRequest request;
  request.mutable_execute()->set_request_id("r1");
  request.mutable_execute()->mutable_call()->set_tool("none");
  request.mutable_execute()->mutable_call()->set_turn_id("t1");
  request.mutable_execute()->mutable_call()->set_arguments_json(std::string(kBooking));
  stream->OnRequest(request);
  request.mutable_barge_in()->set_turn_id("t1");
  sim->RunReady();
  stream->OnRequest(request);
  sim->Advance(absl::Seconds(5));
  ASSERT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1)) << "PENDING at the end of patience";
  sim->Advance(absl::Seconds(2));
  const auto settled = writer.Of(v1::SessionEvent::kSettled);
  ASSERT_THAT(settled, SizeIs(1));
  EXPECT_EQ(settled[0].settled().discarded_turn(), "t1");
  EXPECT_EQ(settled[0].settled().response().disposition(), v1::DISPOSITION_DONE);
}

v1::SessionRequest Booking(const std::string& request_id, absl::string_view arguments) {
  v1::SessionRequest request;
  request.mutable_execute()->set_request_id(request_id);
  request.mutable_execute()->mutable_call()->set_tool("none");
  request.mutable_execute()->mutable_call()->set_turn_id("t1");
  request.mutable_execute()->mutable_call()->set_arguments_json(std::string(arguments));
  return request;
}

// The model emits it once more, or the peer sends it again: nobody is to hear of that turn now.
TEST_F(SessionStreamTest, ACallThatComesAfterItsTurnWasDiscardedIsOfThatTurnToo) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  stream->OnRequest(Booking("r1", kBooking));
  sim->RunReady();
  v1::SessionRequest barge_in;
  barge_in.mutable_barge_in()->set_turn_id("t1");
  stream->OnRequest(barge_in);
  stream->OnRequest(Booking("r2", kBooking));
  stream->OnRequest(Booking(
      "r3",
      R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","patient_id":"p-2"})"));
  sim->Advance(absl::Seconds(4));
  EXPECT_THAT(writer.Of(v1::SessionEvent::kProgress), ::testing::IsEmpty());
  for (const v1::SessionEvent& event : writer.Of(v1::SessionEvent::kSettled)) {
    EXPECT_EQ(event.settled().discarded_turn(), "t1") << event.request_id();
    EXPECT_EQ(event.settled().response().disposition(), v1::DISPOSITION_DONE);
  }
  const auto results = writer.Of(v1::SessionEvent::kResult);
  ASSERT_THAT(results, SizeIs(1)) << "what is no outcome answers its own request";
  EXPECT_EQ(results[0].request_id(), "r3");
  EXPECT_EQ(results[0].result().disposition(), v1::DISPOSITION_CONFLICT);
  EXPECT_EQ(results[0].result().guidance().say(), "");
}

TEST_F(SessionStreamTest, NobodyInterruptsWithoutEnd) {
  FakeWriter writer;
  const std::shared_ptr<SessionStream> stream = Open(writer);
  const auto interrupt = [&stream](int turn) {
    v1::SessionRequest request;
    request.mutable_barge_in()->set_turn_id(std::to_string(turn));
    stream->OnRequest(request);
  };
  for (int turn = 0; turn < 51; ++turn) interrupt(turn);
  EXPECT_THAT(writer.Of(v1::SessionEvent::kDiscarded), SizeIs(50));
  const auto errors = writer.Of(v1::SessionEvent::kError);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].error().detail().reason(), "TOO_MANY_BARGE_INS");
  sim->Advance(absl::Seconds(1));
  interrupt(51);
  EXPECT_THAT(writer.Of(v1::SessionEvent::kDiscarded), SizeIs(51));
}

TEST_F(SessionStreamTest, APeerThatIsGoneHearsNothingMore) {
  FakeWriter writer;
  const auto stream = Open(writer);
  Execute(*stream, "r1", "none");
  const size_t told = writer.events.size();
  stream->OnClosed();
  sim->Advance(absl::Seconds(10));
  EXPECT_THAT(writer.events, SizeIs(told));
  EXPECT_FALSE(writer.ended.has_value());
  EXPECT_EQ(ledger.intents[0].state, IntentState::kSucceeded);
}

TEST_F(SessionStreamTest, WhatAToolSaysOfItsProgressIsTold) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(1)));
  Execute(*stream, "r1", "none");
  executor->Tell({.text = "looking for a room", .progress = 1, .total = 3});
  const auto progress = writer.Of(v1::SessionEvent::kProgress);
  ASSERT_THAT(progress, SizeIs(1));
  EXPECT_EQ(progress[0].request_id(), "r1");
  EXPECT_EQ(progress[0].progress().say(), "");
  EXPECT_EQ(progress[0].progress().detail(), "looking for a room");
  EXPECT_EQ(progress[0].progress().progress(), 1);
  EXPECT_EQ(progress[0].progress().total(), 3);
}

TEST_F(SessionStreamTest, OfProgressThatComesFastTheLastIsTold) {
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(1)));
  Execute(*stream, "r1", "none");
  for (int i = 0; i < 1000; ++i) executor->Tell({.text = absl::StrCat(i)});
  sim->Advance(SessionStream::kProgressPause);
  auto progress = writer.Of(v1::SessionEvent::kProgress);
  ASSERT_THAT(progress, SizeIs(2));
  EXPECT_EQ(progress[1].progress().detail(), "999");
  executor->Tell({.text = "too late"});
  sim->Advance(absl::Seconds(1));
  progress = writer.Of(v1::SessionEvent::kProgress);
  EXPECT_THAT(writer.Of(v1::SessionEvent::kResult), SizeIs(1));
  EXPECT_EQ(writer.events.back().kind_case(), v1::SessionEvent::kResult);
}

}  // namespace
}  // namespace onetake::testing
