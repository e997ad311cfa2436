#include "runtime/engine/context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/check.h"
#include "runtime/base/status.h"
#include "runtime/engine/observer.h"

namespace onetake {

void EngineContext::SetTools(std::shared_ptr<const ToolSet> next) {
  for (const std::shared_ptr<const Tool>& tool : tools->tools()) {
    const std::shared_ptr<const Tool> now = next->Find(tool->name);
    if (now != nullptr && now->version == tool->version) continue;
    std::vector<KnownTool>& versions = former[tool->name];
    std::erase_if(versions, [&](const KnownTool& known) {
      return known.tool->version == tool->version ||
             (now != nullptr && known.tool->version == now->version);
    });
    if (versions.size() == kFormerVersions) versions.erase(versions.begin());
    versions.push_back({tool, tools});
  }
  tools = std::move(next);
  for (const std::shared_ptr<const Tool>& tool : tools->tools()) ExecutorOf(*tool);  // is there
}

KnownTool EngineContext::ToolOf(const IntentRecord& record) const {
  const std::shared_ptr<const Tool> now = tools->Find(record.tool);
  if (now != nullptr && now->version == record.tool_version) return {now, tools};
  const auto found = former.find(record.tool);
  if (found != former.end()) {
    for (const KnownTool& known : found->second) {
      if (known.tool->version == record.tool_version) return known;
    }
    if (now == nullptr && !found->second.empty()) return found->second.back();
  }
  return {now, tools};
}

RetryBudget& EngineContext::BudgetOf(const Tool& tool) {
  std::unique_ptr<RetryBudget>& budget = budgets[tool.name];
  if (budget == nullptr) budget = std::make_unique<RetryBudget>(options.retry_budget);
  return *budget;
}

Breaker& EngineContext::BreakerOf(const Tool& tool) {
  std::unique_ptr<Breaker>& breaker = breakers[DownstreamOf(tool)];
  if (breaker == nullptr) breaker = std::make_unique<Breaker>(options.breaker, clock);
  return *breaker;
}

std::shared_ptr<DownstreamSlot> EngineContext::TakeSlot(const Tool& tool) {
  std::shared_ptr<size_t>& taken = slots_taken[DownstreamOf(tool)];
  if (taken == nullptr) taken = std::make_shared<size_t>(0);
  const size_t most = tool.downstream_in_flight.has_value()
                          ? static_cast<size_t>(*tool.downstream_in_flight)
                          : options.downstream_in_flight;
  return *taken < most ? std::make_shared<DownstreamSlot>(taken) : nullptr;
}

ToolExecutor& EngineContext::ExecutorOf(const Tool& tool) const {
  const auto found = executors.find(tool.executor);
  ONETAKE_CHECK(found != executors.end());
  return *found->second;
}

// The id begins with the time, as version 7 of RFC 9562's UUIDs: the ledger's index of ids then
// grows at its end.
std::string EngineContext::NewCallId() {
  constexpr uint64_t kMilliseconds = (uint64_t{1} << 48) - 1;
  return absl::StrFormat("%012x-%010x-%x",
                         static_cast<uint64_t>(absl::ToUnixMillis(clock.Now())) & kMilliseconds,
                         random.Next() >> 24, next_call++);
}

uint64_t EngineContext::WritesEnded(const Tool& tool) const {
  const auto found = writes_ended.find(DownstreamOf(tool));
  return found == writes_ended.end() ? 0 : found->second;
}

const LatencyHistogram* EngineContext::MeasuredLatency(const Tool& tool) const {
  return latency.Find(LatencySubjectOf(tool));
}

absl::Duration EngineContext::AttemptTimeout(const Tool& tool) const {
  return onetake::AttemptTimeout(AttemptRuleOf(tool), MeasuredLatency(tool));
}

absl::Duration EngineContext::SettleAfter(const Tool& tool) const {
  return onetake::SettleAfter(AttemptRuleOf(tool), MeasuredLatency(tool));
}

// A refusal comes sooner than the work takes, and an error says nothing about it.
void EngineContext::NoteLatency(const Tool& tool, const AttemptReport& report) {
  const std::shared_ptr<const Tool> now = tools->Find(tool.name);
  if (now != nullptr && now->request_version != tool.request_version) return;
  if (report.timed_out) {
    latency.AddCensored(LatencySubjectOf(tool), report.latency);
  } else if (!report.failure.has_value() || *report.failure == FailureKind::kBodyUnreadable) {
    latency.AddAnswered(LatencySubjectOf(tool), report.latency);
  }
}

void EngineContext::NoteGivenUp(const Tool& tool, absl::Duration waited) {
  latency.AddCensored(LatencySubjectOf(tool), waited);
}

void EngineContext::RecordAnswer(CallRecord& call, const Answer& answer) {
  call.disposition = std::string(ToString(answer.disposition));
  call.answered_at = clock.Now();
  if (options.observer != nullptr) {
    options.observer->OnRole(tools->Find(call.tool).get(), call.role);
  }
  ledger.RecordCall(call);
}

std::string EngineContext::NewTraceparent(const std::optional<TraceContext>& trace) {
  if (!trace.has_value()) return "";
  return MakeTraceparent(*trace, random.Next() | 1);  // 0 is no span
}

void Account(EngineContext& context, const Tool& tool, const AttemptReport& report) {
  if (context.options.observer != nullptr) context.options.observer->OnAttempt(tool, report);
  Breaker& breaker = context.BreakerOf(tool);
  if (tool.effect == Effect::kWrite) ++context.writes_ended[DownstreamOf(tool)];
  if (report.refused_here) return breaker.OnAbandon();
  if (!report.failure.has_value()) {
    context.BudgetOf(tool).OnSuccess();
    breaker.OnSuccess();
    return;
  }
  switch (*report.failure) {
    case FailureKind::kDefiniteRefusal:
    case FailureKind::kAlreadyGone:
    case FailureKind::kKeyReused:
    case FailureKind::kBodyUnreadable:
      breaker.OnSuccess();  // it answered; that the answer is "no" is not its illness
      return;
    case FailureKind::kRefusedUnprocessed:
    case FailureKind::kKeyInUse:
      context.BudgetOf(tool).OnFailure();
      breaker.OnSuccess();
      return;
    default: context.BudgetOf(tool).OnFailure(); breaker.OnFailure();
  }
}

absl::Status DrainingError() {
  return WithDetail(
      absl::UnavailableError("the server is draining, and nothing was done: once it is "
                             "back, send the call here again, with the same "
                             "tool_call_id"),
      {.reason = "DRAINING", .safe_to_resend = true, .retry_after_ms = 1000});
}

absl::Status ReusedToolCallIdError() {
  return WithDetail(absl::AlreadyExistsError("tool_call_id: was used in this session for another "
                                             "call; every call needs an id of its own"),
                    {.reason = "TOOL_CALL_ID_REUSED", .field = "tool_call_id"});
}

absl::Status OverloadedError(absl::string_view what) {
  return WithDetail(
      absl::ResourceExhaustedError(absl::StrCat(what, "; nothing was done or recorded")),
      {.reason = "OVERLOADED", .safe_to_resend = true, .retry_after_ms = 500});
}

}  // namespace onetake
