#include "runtime/engine/read_flights.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/answer.h"
#include "runtime/policy/policy.h"

namespace onetake {
namespace {

using Attempt = ReadFlight::Attempt;

constexpr double kMostAnswers = 0.95;

bool InFlight(const ReadFlight& flight) {
  return std::any_of(flight.attempts.begin(), flight.attempts.end(),
                     [](const Attempt& attempt) { return !attempt.cancelled; });
}

void TellProgress(const ReadFlight& flight, const AttemptProgress& progress) {
  for (const ReadPtr& read : flight.passengers) {
    if (read->call.on_progress) read->call.on_progress(progress);
  }
}

Answer FailedAnswer(AttemptReport report) {
  Answer answer;
  answer.disposition = Disposition::kFailed;
  answer.reason = std::string(ToString(*report.failure));
  answer.result_json = std::move(report.result_json);
  answer.guidance.check_after = report.retry_after.value_or(absl::ZeroDuration());
  return answer;
}

}  // namespace

ReadFlights::ReadFlights(EngineContext& context, OnAnswer on_answer)
    : context_(context), on_answer_(std::move(on_answer)) {}

// The key is what is sent: the answer can depend on nothing else. Lengths keep keys from running
// together.
std::string ReadFlights::KeyOf(const ReadCall& read) const {
  const std::string& tenant = read.call.tenant;
  const Tool& tool = *read.tool;
  const uint64_t writes =
      ONETAKE_PLANTED_BUG("read_joined_over_a_write") ? 0 : context_.WritesEnded(tool);
  return absl::StrCat(writes, " ", tenant.size(), ":", tenant, " ", tool.name, " ", tool.version,
                      " ", read.request);
}

bool ReadFlights::TakesMore(const ReadFlight& flight) const {
  const absl::Duration slow = HedgeAfter(kMostAnswers, context_.MeasuredLatency(*flight.tool))
                                  .value_or(flight.tool->timeouts.patience);
  return context_.clock.Elapsed() - flight.round_began <= slow;
}

void ReadFlights::Board(const ReadPtr& read) {
  std::string key = KeyOf(*read);
  const auto found = flights_.find(key);
  if (found != flights_.end() && TakesMore(*found->second)) {
    read->joined = true;
    read->flight = found->second;
    found->second->passengers.push_back(read);
    return;
  }
  auto flight = std::make_shared<ReadFlight>();
  flight->key = key;
  flight->tool = read->tool;
  flight->request = read->request;
  flight->trace = read->call.trace;
  flight->passengers = {read};
  read->flight = flight;
  flights_[std::move(key)] = flight;
  Send(flight);
}

void ReadFlights::Leave(const ReadPtr& read) {
  const FlightPtr flight = std::exchange(read->flight, nullptr);
  if (flight == nullptr) return;
  std::erase(flight->passengers, read);
  if (!flight->passengers.empty()) return;
  CancelAttempts(*flight, read->overdue ? Waited::kCounts : Waited::kSaysNothing);
  End(flight, {});
}

void ReadFlights::Send(const FlightPtr& flight) {
  std::shared_ptr<DownstreamSlot> slot = context_.TakeSlot(*flight->tool);
  if (slot == nullptr) {
    return End(flight, NotAdmittedAnswer("downstream_busy", kBusyFor, *flight->tool));
  }
  Breaker& breaker = context_.BreakerOf(*flight->tool);
  if (!breaker.Admit()) {
    return End(flight, NotAdmittedAnswer("breaker_open", breaker.RetryAfter(), *flight->tool));
  }
  flight->round_began = context_.clock.Elapsed();
  Dispatch(flight, Attempt::Role::kFirst, std::move(slot));
  ScheduleHedge(flight);
}

void ReadFlights::Dispatch(const FlightPtr& flight, Attempt::Role role,
                           std::shared_ptr<DownstreamSlot> slot) {
  const uint64_t number = ++flight->sent;
  AttemptRequest request{
      .rendered = flight->request,
      .timeout = context_.AttemptTimeout(*flight->tool),
      .transport_resend = TransportResend::kAllowed,
      .number = static_cast<int>(number),
      .traceparent = context_.NewTraceparent(flight->trace),
      .on_progress = [weak = std::weak_ptr<ReadFlight>(flight)](const AttemptProgress& progress) {
        if (const FlightPtr flight = weak.lock()) TellProgress(*flight, progress);
      }};
  const AttemptId id =
      context_.ExecutorOf(*flight->tool)
          .Start(flight->tool, std::move(request), [this, flight, number](AttemptReport report) {
            OnReport(flight, number, std::move(report));
          });
  flight->attempts.push_back({.number = number,
                              .id = id,
                              .role = role,
                              .sent_at = context_.clock.Elapsed(),
                              .slot = std::move(slot)});
}

void ReadFlights::ScheduleHedge(const FlightPtr& flight) {
  if (!flight->tool->hedge_after.has_value()) return;
  const std::optional<absl::Duration> slow =
      HedgeAfter(*flight->tool->hedge_after, context_.MeasuredLatency(*flight->tool));
  if (!slow.has_value()) return;
  flight->hedge = context_.scheduler.RunAfter(*slow, [this, flight] {
    flight->hedge = Scheduler::TimerId::kNone;
    Hedge(flight);
  });
}

// A hedge costs as much of the budget as a failure, or a downstream that has become slow would be
// asked twice for everything. A breaker that is not closed wants fewer requests, not more.
void ReadFlights::Hedge(const FlightPtr& flight) {
  const Tool& tool = *flight->tool;
  RetryBudget& budget = context_.BudgetOf(tool);
  Breaker& breaker = context_.BreakerOf(tool);
  std::shared_ptr<DownstreamSlot> slot = context_.TakeSlot(tool);
  if (slot == nullptr || context_.draining || !budget.MayRetry() ||
      breaker.state() != Breaker::State::kClosed ||
      flight->sent >= static_cast<uint64_t>(tool.retries.attempts) || !breaker.Admit()) {
    return;
  }
  budget.OnFailure();
  Dispatch(flight, Attempt::Role::kHedge, std::move(slot));
}

void ReadFlights::OnReport(const FlightPtr& flight, uint64_t number, AttemptReport report) {
  const auto found =
      std::find_if(flight->attempts.begin(), flight->attempts.end(),
                   [number](const Attempt& attempt) { return attempt.number == number; });
  ONETAKE_CHECK(found != flight->attempts.end());
  found->slot.reset();
  const Attempt attempt = *found;
  flight->attempts.erase(found);
  if (attempt.cancelled) return OnCancelled(*flight, attempt, report);
  Account(context_, *flight->tool, report);
  context_.NoteLatency(*flight->tool, report);
  if (report.failure.has_value()) return OnFailure(flight, std::move(report));
  CancelAttempts(*flight, Waited::kCounts);
  Answer answer;
  answer.disposition = Disposition::kDone;
  answer.result_json = std::move(report.result_json);
  answer.reason = "read";
  End(flight, answer);
}

void ReadFlights::OnCancelled(const ReadFlight& flight, const Attempt& attempt,
                              const AttemptReport& report) {
  // We have cancelled it: that says nothing about whether the downstream is well.
  context_.BreakerOf(*flight.tool).OnAbandon();
  if (attempt.waited.has_value() && report.reached != Reached::kNothingSent) {
    context_.NoteGivenUp(*flight.tool, *attempt.waited);
  }
}

void ReadFlights::OnFailure(const FlightPtr& flight, AttemptReport report) {
  const Tool& tool = *flight->tool;
  const FailureKind failure = *report.failure;
  // The other request may still be answered; but a refusal is an answer.
  if (InFlight(*flight) && !IsRefusal(failure)) return;
  StopTimers(*flight);
  const int sent = static_cast<int>(flight->sent);
  const absl::Duration next =
      context_.clock.Elapsed() + Backoff(tool.retries, sent, report.retry_after, context_.random);
  const auto too_late =
      std::stable_partition(flight->passengers.begin(), flight->passengers.end(),
                            [next](const ReadPtr& read) { return next < read->deadline; });
  const bool may_send_again = !context_.draining && sent < tool.retries.attempts &&
                              too_late != flight->passengers.begin() &&
                              context_.BudgetOf(tool).MayRetry();
  const Decision decision = Decide(Effect::kRead, {}, failure, {.may_send_again = may_send_again});
  const Answer answer = FailedAnswer(std::move(report));
  if (decision.action != Action::kRetry && decision.action != Action::kRetryAfter) {
    CancelAttempts(*flight, Waited::kSaysNothing);
    return End(flight, answer);
  }
  const std::vector<ReadPtr> impatient(too_late, flight->passengers.end());
  flight->passengers.erase(too_late, flight->passengers.end());
  SendAgain(flight, next);
  AnswerAll(impatient, answer);
}

void ReadFlights::SendAgain(const FlightPtr& flight, absl::Duration when) {
  const absl::Duration now = context_.clock.Elapsed();
  flight->downstream_latency += now - flight->round_began;
  flight->round_began = when;
  flight->backoff = context_.scheduler.RunAfter(when - now, [this, flight] {
    flight->backoff = Scheduler::TimerId::kNone;
    Send(flight);
  });
}

// A second request that lost was given up young, for no fault of its own, so it never counts.
void ReadFlights::CancelAttempts(ReadFlight& flight, Waited waited) {
  ToolExecutor& executor = context_.ExecutorOf(*flight.tool);
  for (Attempt& attempt : flight.attempts) {
    if (std::exchange(attempt.cancelled, true)) continue;
    if (waited == Waited::kCounts && attempt.role == Attempt::Role::kFirst) {
      attempt.waited = context_.clock.Elapsed() - attempt.sent_at;
    }
    executor.Cancel(attempt.id);
  }
}

void ReadFlights::StopTimers(ReadFlight& flight) {
  context_.scheduler.Cancel(std::exchange(flight.backoff, Scheduler::TimerId::kNone));
  context_.scheduler.Cancel(std::exchange(flight.hedge, Scheduler::TimerId::kNone));
}

void ReadFlights::End(const FlightPtr& flight, const Answer& answer) {
  StopTimers(*flight);
  const auto found = flights_.find(flight->key);
  if (found != flights_.end() && found->second == flight) flights_.erase(found);
  AnswerAll(std::exchange(flight->passengers, {}), answer);
}

void ReadFlights::AnswerAll(const std::vector<ReadPtr>& reads, const Answer& answer) {
  for (const ReadPtr& read : reads) {
    Answer own = answer;
    own.joined = read->joined;
    own.tool = read->tool->name;
    own.downstream_latency = DownstreamLatency(*read);
    read->flight = nullptr;
    own = Worded(std::move(own), read->tool.get());
    own.guidance.check_after = answer.guidance.check_after;
    on_answer_(read, std::move(own));
  }
}

absl::Duration ReadFlights::DownstreamLatency(const ReadCall& read) const {
  if (read.flight == nullptr) return absl::ZeroDuration();
  const absl::Duration now = context_.clock.Elapsed();
  const absl::Duration round = std::max(now - read.flight->round_began, absl::ZeroDuration());
  return std::min(read.flight->downstream_latency + round, now - read.arrived);
}

}  // namespace onetake
