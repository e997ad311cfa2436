#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/server/session_hub.h"
#include "runtime/server/session_stream.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {

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
  void ListEvents(EventFilter, EventPosition, int, Done<EventPage>) override {}
  void ListSessionEvents(std::string, std::string session_id, int64_t after_seq, int limit,
                         Done<EventPage> done) override {
    EXPECT_EQ(session_id, "call-17");
    ++pages;
    if (Refuses()) return done(absl::ResourceExhaustedError("the ledger's reader is behind"));
    EventPage page;
    for (const EventRecord& event : events) {
      if (event.seq > after_seq && static_cast<int>(page.events.size()) < limit) {
        page.events.push_back(event);
      }
    }
    page.more = static_cast<int>(page.events.size()) == limit;
    held.push_back(
        [page = std::move(page), done = std::move(done)]() mutable { done(std::move(page)); });
    if (!hold) Release();
  }
  void LastEvents(EventFilter, int, Done<EventPage> done) override {
    done(absl::DeadlineExceededError("what is last of a tenant may be far back"));
  }
  void LastSeq(Done<int64_t> done) override {
    if (Refuses()) return done(absl::ResourceExhaustedError("the ledger's reader is behind"));
    held.push_back([this, done = std::move(done)]() mutable {
      done(std::max(last_of_others, events.empty() ? 0 : events.back().seq));
    });
    if (!hold_place) Release();
  }
  void Release() {
    for (auto& answer : std::exchange(held, {})) answer();
  }

  bool Refuses() { return refusals > 0 && refusals-- > 0; }

  bool hold = false;
  bool hold_place = false;
  int refusals = 0;  // of the next questions, so many
  int pages = 0;     // that were asked for
  int64_t last_of_others = 0;
  std::vector<EventRecord> events;
  std::vector<absl::AnyInvocable<void()>> held;
};

class SessionFixture : public EngineFixture {
 protected:
  SessionFixture() {
    tools_.Set(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        BookingTool("none", {}), BookingTool("keyed", {.keyed = true}), ReadTool("find")}));
    engine->SetTools(tools_.Get());
    hub_ = std::make_unique<SessionHub>(
        SessionHub::Options{
            .tools = tools_, .limits = limits_, .streams = streams_, .unread = unread_},
        *engine, history_, *sim);
  }
  // Calls that are under way hold places of the limits, timers hold such calls.
  ~SessionFixture() override {
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

}  // namespace onetake::testing
