#include "runtime/engine/reads.h"

#include <utility>
#include <vector>

#include "runtime/base/on_loop.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/rules.h"

namespace onetake {
namespace {

Turn TurnOf(const ToolCall& call) {
  return {.tenant = call.tenant, .session_id = call.session_id, .turn_id = call.turn_id};
}

}  // namespace

Reads::Reads(EngineContext& context)
    : context_(context), flights_(context, [this](const ReadPtr& read, Answer answer) {
        Finish(read, std::move(answer));
      }) {}

// A read and the flight that it waits for hold each other.
Reads::~Reads() {
  for (const ReadPtr& read : live_) read->flight.reset();
}

void Reads::Run(std::unique_ptr<ReadCall> call) {
  const ReadPtr read = std::move(call);
  live_.insert(read);
  read->record.role = CallRole::kRead;
  read->patience =
      context_.scheduler.RunAfter(read->deadline - context_.clock.Elapsed(), [this, read] {
        read->overdue = true;
        Fail(read, "patience");
      });
  if (context_.turns.Contains(TurnOf(read->call), context_.clock.Elapsed())) {
    // Never answers inside Run(): the caller may not expect its answer yet.
    return context_.scheduler.Post([this, read] { Fail(read, kBargeIn); });
  }
  if (read->call.session_id.empty() || read->call.tool_call_id.empty()) return Begin(read);
  CheckDelivery(read);
}

void Reads::CheckDelivery(const ReadPtr& read) {
  LookupRequest request{.tenant = read->call.tenant,
                        .session_id = read->call.session_id,
                        .tool_call_id = read->call.tool_call_id};
  auto looked_up = [this, read](const absl::StatusOr<LookupResult>& found) {
    if (!found.ok()) return Refuse(read, OverloadedError("the ledger cannot be read now"));
    if (found->call.has_value() && found->call->fingerprint != read->record.fingerprint) {
      return Refuse(read, ReusedToolCallIdError());
    }
    // It was a WRITE then: what became of that one is the answer, whatever the tool is now.
    if (found->call_intent.has_value()) {
      read->record.role = CallRole::kRedelivered;
      read->record.intent_row = found->call_intent->row;
      const CallRole earlier = found->call->role;
      return Finish(read, AnswerAgain(*found->call_intent, earlier, read->tool.get()));
    }
    if (found->call.has_value()) read->record.role = CallRole::kRedelivered;
    Begin(read);
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(looked_up)));
}

void Reads::Begin(const ReadPtr& read) {
  if (!live_.contains(read)) return;
  absl::StatusOr<std::string> request =
      context_.ExecutorOf(*read->tool).Render(*read->tool, read->arguments, /*key=*/"");
  if (!request.ok()) {
    read->record.role = CallRole::kInvalid;
    return Finish(
        read,
        InvalidAnswer(
            read->tool->name,
            {{.path = "$", .reason = std::string(request.status().message()), .expected = ""}}));
  }
  read->request = *std::move(request);
  flights_.Board(read);
}

void Reads::Fail(const ReadPtr& read, absl::string_view reason) {
  Answer answer = NewAnswer(Disposition::kFailed, reason, read->tool->name);
  answer.downstream_latency = flights_.DownstreamLatency(*read);
  Finish(read, Worded(std::move(answer), read->tool.get()));
}

bool Reads::Forget(const ReadPtr& read) {
  if (live_.erase(read) == 0) return false;
  context_.scheduler.Cancel(read->patience);
  flights_.Leave(read);
  return true;
}

void Reads::Finish(const ReadPtr& read, Answer answer) {
  if (!Forget(read)) return;
  // A READ has no attempts on record that would give the reason.
  if (answer.disposition == Disposition::kFailed) read->record.detail = answer.reason;
  context_.RecordAnswer(read->record, answer);
  read->done(std::move(answer));
}

void Reads::Refuse(const ReadPtr& read, absl::Status status) {
  if (Forget(read)) read->done(std::move(status));
}

int Reads::Discard(const Turn& turn) {
  std::vector<ReadPtr> of_turn;
  for (const ReadPtr& read : live_) {
    if (TurnOf(read->call) == turn) of_turn.push_back(read);
  }
  for (const ReadPtr& read : of_turn) Fail(read, kBargeIn);
  return static_cast<int>(of_turn.size());
}

void Reads::CancelAll() {
  const auto all = live_;
  for (const ReadPtr& read : all) Fail(read, "draining");
}

}  // namespace onetake
