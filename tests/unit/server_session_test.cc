// A session's stream without gRPC, on a simulated clock.
#include <gmock/gmock.h>

#include "runtime/base/status.h"
#include "runtime/server/session_hub.h"
#include "runtime/server/session_stream.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakeWriter final : public SessionStream::Writer {
 public:
  bool Send(const v1::SessionEvent& event) override {
    if (events.size() >= room) return false;
    events.push_back(event);
    return true;
  }
  void End(absl::Status status) override {
    ASSERT_FALSE(ended.has_value()) << "a stream ends once";
    ended = std::move(status);
  }
  std::vector<v1::SessionEvent> Of(v1::SessionEvent::KindCase kind) const {
    std::vector<v1::SessionEvent> found;
    for (const v1::SessionEvent& event : events) {
      if (event.kind_case() == kind) found.push_back(event);
    }
    return found;
  }

  size_t room = 1000;
  std::vector<v1::SessionEvent> events;
  std::optional<absl::Status> ended;
};

// Settled events 1 to `count` of the ledger's first intent; more may be added while it is read.
class FakeHistory final : public LedgerQueries {
 public:
  void ListIntents(IntentFilter, IntentPosition, int, Done<IntentPage>) override {}
  void ListCalls(CallFilter, CallPosition, int, Done<std::vector<CallSummary>>) override {}
  void GetDuplicates(DuplicateQuestion, Done<DuplicateStats>) override {}
  void SetCommitListener(std::function<void()>) override {}
  void GetIntent(std::string, std::string, Done<std::vector<IntentDetail>>) override {}
  void GetReviewStats(std::string, Done<ReviewStats>) override {}
  void ListEvents(EventFilter filter, EventPosition position, int limit,
                  Done<EventPage> done) override {
    EXPECT_EQ(filter.session_id, "call-17");
    EventPage page;
    for (const EventRecord& event : events) {
      if (event.seq > position.seq && static_cast<int>(page.events.size()) < limit) {
        page.events.push_back(event);
      }
    }
    held.push_back(
        [page = std::move(page), done = std::move(done)]() mutable { done(std::move(page)); });
    if (!hold) Release();
  }
  void LastEvents(EventFilter, int, Done<EventPage> done) override {
    held.push_back([this, done = std::move(done)]() mutable {
      EventPage page;
      if (!events.empty()) page.events.push_back(events.back());
      done(std::move(page));
    });
    if (!hold_place) Release();
  }
  void Release() {
    for (auto& answer : std::exchange(held, {})) answer();
  }

  bool hold = false;
  bool hold_place = false;
  std::vector<EventRecord> events;
  std::vector<absl::AnyInvocable<void()>> held;
};

class SessionStreamTest : public EngineFixture {
 protected:
  SessionStreamTest() {
    tools_.Set(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        BookingTool("none", {}), BookingTool("keyed", {.keyed = true}), ReadTool("find")}));
    engine->SetTools(tools_.Get());
    hub_ = std::make_unique<SessionHub>(
        SessionHub::Options{
            .tools = tools_, .limits = limits_, .streams = streams_, .unread = unread_},
        *engine, history_, *sim);
  }
  // Calls that are under way hold places of the limits, timers hold such calls.
  ~SessionStreamTest() override {
    hub_.reset();
    engine.reset();
    executor.reset();
    sim.reset();
  }

  std::shared_ptr<SessionStream> Open(FakeWriter& writer,
                                      std::optional<int64_t> after = std::nullopt) {
    std::shared_ptr<SessionStream> stream = hub_->Connect(caller_, writer);
    v1::SessionRequest request;
    request.mutable_open()->set_session_id("call-17");
    if (after.has_value()) request.mutable_open()->set_after_seq(*after);
    stream->OnRequest(request);
    sim->RunReady();
    return stream;
  }
  void Execute(SessionStream& stream, const std::string& id, const std::string& tool) {
    v1::SessionRequest request;
    request.mutable_execute()->set_request_id(id);
    request.mutable_execute()->mutable_call()->set_tool(tool);
    request.mutable_execute()->mutable_call()->set_arguments_json(std::string(kBooking));
    stream.OnRequest(request);
    sim->RunReady();
  }
  // The only intent's outcome, as an event of the ledger.
  EventRecord Settled(int64_t seq, const char* kind = "settled") {
    return {.seq = seq,
            .tenant = "t",
            .intent_id = ledger.intents.at(0).intent_id,
            .generation = 1,
            .tool = "none",
            .session_id = "call-17",
            .kind = kind};
  }
  static std::vector<int64_t> Seqs(const std::vector<v1::SessionEvent>& events) {
    std::vector<int64_t> seqs;
    for (const v1::SessionEvent& event : events) seqs.push_back(event.seq());
    return seqs;
  }

  FakeHistory history_;
  SessionStream::Caller caller_{.principal = {.name = "token:agent:1", .tenant = "t"}};
  CurrentTools tools_{std::make_shared<ToolSet>()};
  CallLimits limits_{{.tenant_in_flight = 70}, *sim};
  StreamLimits streams_{{.sessions = 3, .tenant_sessions = 2}};
  UnreadAnswers unread_{{.bytes = 100, .tenant_bytes = 50}, *sim};
  std::unique_ptr<SessionHub> hub_;
};

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

TEST_F(SessionStreamTest, HistoryIsToldInPagesAndOnlyWhatIsAnOutcome) {
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

TEST_F(SessionStreamTest, WhatSettlesWhileHistoryIsReadIsToldOnce) {
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

TEST_F(SessionStreamTest, AResultDoesNotOvertakeTheHistory) {
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

TEST_F(SessionStreamTest, ItIsToldWhereItBeginsBeforeAnythingElse) {
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

TEST_F(SessionStreamTest, WhatWasAskedAtOnceIsToldHoweverLateItsPlaceIsKnown) {
  history_.hold_place = true;
  FakeWriter writer;
  const auto stream = Open(writer);
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(6)));
  Execute(*stream, "r1", "none");
  // Longer than the tool's patience, and than the attempt.
  sim->Advance(absl::Seconds(7));
  const auto recorded = static_cast<int64_t>(ledger.transitions.size());
  if (recorded > 0) history_.events.push_back(Settled(recorded));
  history_.Release();
  sim->Advance(absl::Seconds(7));
  const auto settled = writer.Of(v1::SessionEvent::kSettled);
  ASSERT_THAT(settled, SizeIs(1)) << "after the PENDING at the end of patience";
  EXPECT_EQ(settled[0].settled().response().disposition(), v1::DISPOSITION_DONE);
}

TEST_F(SessionStreamTest, WhatIsAskedBeforeItBeginsIsBounded) {
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

TEST_F(SessionStreamTest, APositionBeyondTheEndIsTheEnd) {
  Run(Call("none"));
  history_.events.push_back(Settled(5));
  FakeWriter writer;
  const auto stream = Open(writer, 1'000'000);
  EXPECT_EQ(writer.events[0].seq(), 5) << "another ledger, or a restored one";
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
