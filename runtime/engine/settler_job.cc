#include <algorithm>
#include <utility>

#include "runtime/engine/probe_answer.h"
#include "runtime/engine/result_reference.h"
#include "runtime/engine/settler.h"
#include "runtime/policy/policy.h"

// The part of the settler that waits for a downstream which has accepted a write as a job (202).
// The job's id is in the ledger, so that a restart goes on asking about the same one.
namespace onetake {
namespace {

constexpr absl::string_view kAccepted = "table.accepted_job";
// An attempt before the one that was accepted, or the request that it is a copy of, may have
// happened.
constexpr absl::string_view kAcceptedInDoubt = "table.accepted_job_in_doubt";

std::string Evidence(const JobSpec& job, absl::string_view finding) {
  return DumpJson(Json{{"asked", job.tool}, {"finding", std::string(finding)}});
}

std::string ResultOf(const JobSpec& job, const Json& answer, const std::string& whole) {
  if (!job.result.has_value()) return whole;
  const Json* node = job.result->Find(answer);
  return node == nullptr ? "null" : DumpJson(*node);
}

// Whether the job that is asked about may be the second one. For a job that was given up before a
// restart, only the number of attempts tells.
bool MayBeTheSecond(const IntentRecord& record) {
  return record.reason == kAcceptedInDoubt || (record.reason != kAccepted && record.attempts > 1);
}

}  // namespace

void Settler::OnAccepted(const LiveIntentPtr& live, const AttemptReport& report) {
  // A probe that found nothing may have been asked too early: R14 holds for what a job says, too.
  const bool doubtful = live->in_doubt || live->record.ambiguous || report.resent;
  live->in_doubt = true;  // it will happen, or not: no later refusal is proof
  AttemptEnd end = EndOf(*live, report);
  end.error = "accepted as a job";
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = std::string(doubtful ? kAcceptedInDoubt : kAccepted),
          .attempt_end = std::move(end),
          .ambiguous = true,
          .next_attempt_at = context_.clock.Now() + live->tool->job->interval,
          .job = *report.job},
         &Settler::SchedulePoll);
}

void Settler::SchedulePoll(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  const absl::Time now = context_.clock.Now();
  const std::optional<JobSpec>& job = live->tool->job;
  // The wait is never longer than any plan can be: the clock may have been set back meanwhile.
  const absl::Duration delay = std::min(live->record.next_attempt_at.value_or(now) - now,
                                        job.has_value() ? job->interval : absl::ZeroDuration());
  AskAfter(live, delay, &Settler::Poll);
}

void Settler::Poll(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  if (!live->tool->job.has_value())
    return GiveUpPolling(live, "job.given_up");  // the manifest has changed
  const JobSpec& job = *live->tool->job;
  // A downstream that is away is not asked by everybody who waits for it.
  const std::shared_ptr<const Tool> asked = live->tools->Find(job.tool);
  if (asked != nullptr && !context_.BreakerOf(*asked).Admit()) {
    return PollAgain(live, Heard::kNothing);
  }
  const absl::StatusOr<Json> arguments = ParseJson(live->record.arguments_json, ResultLimits());
  Json values = arguments.ok() ? *arguments : Json::object();
  values["job"] = live->record.job;
  const std::string why = Ask(live, job.tool, job.args.Render(values), &Settler::OnPoll);
  if (why.empty()) return;
  if (asked != nullptr) context_.BreakerOf(*asked).OnAbandon();
  PollAgain(live, Heard::kNothing);
}

// While nobody was there to ask, the wall clock says nothing of the job: by that clock, only an
// answer ends the waiting. Without an answer, the time that this process has waited ends it, which
// no set clock moves.
void Settler::PollAgain(const LiveIntentPtr& live, Heard heard) {
  const JobSpec& job = *live->tool->job;
  const absl::Time now = context_.clock.Now();
  const absl::Duration waited = context_.clock.Elapsed() - live->started;
  const bool overdue = now - live->record.first_sent_at > job.give_up_after;
  if (waited > job.give_up_after || (overdue && heard == Heard::kNotYet)) {
    return GiveUpPolling(live, "job.given_up");
  }
  // The new plan is not worth a commit: it is only when to ask next.
  live->record.next_attempt_at = now + job.interval;
  SchedulePoll(live);
}

void Settler::OnPoll(const LiveIntentPtr& live, const AttemptReport& report) {
  const JobSpec& job = *live->tool->job;
  const absl::StatusOr<Json> answer = report.failure.has_value()
                                          ? absl::UnavailableError("")
                                          : ParseJson(report.result_json, ResultLimits());
  const bool done = answer.ok() && SaysYes(job.done_if.Find(*answer));
  const bool failed =
      answer.ok() && !done && job.failed_if.has_value() && SaysYes(job.failed_if->Find(*answer));
  if (live->ended) {
    if (!done && !failed) return;
    return RecordLate(*live, {.says = done ? IntentState::kSucceeded : IntentState::kRejected,
                              .rule = "R16.late_job",
                              .http_status = report.http_status,
                              .result_json = report.result_json});
  }
  if (failed && MayBeTheSecond(live->record)) {
    live->refusal_json = report.result_json;
    return GiveUpPolling(live, "R14.job_failed_after_ambiguous");
  }
  if (!done && !failed) {
    const bool heard = !report.failure.has_value() || IsRefusal(*report.failure);
    return PollAgain(live, heard ? Heard::kNotYet : Heard::kNothing);
  }
  std::string result = ResultOf(job, *answer, report.result_json);
  std::optional<std::string> result_ref =
      ResultRef(*live->tool, result, context_.options.tenant_key);
  Record(live,
         {.to = done ? IntentState::kSucceeded : IntentState::kRejected,
          .rule = done ? "job.done" : "job.failed",
          .result_json = std::move(result),
          .result_ref = done ? std::move(result_ref) : std::nullopt,
          .evidence_json = Evidence(job, done ? "done" : "failed")},
         &Settler::Ended);
}

// The job is no longer waited for. It stays on record: to send the write again would make another
// one, and the next start asks about it once more.
void Settler::GiveUpPolling(const LiveIntentPtr& live, absl::string_view rule) {
  live->in_doubt = true;
  live->last_ended = context_.clock.Elapsed();
  live->recovered_plan.reset();  // it was to ask about the job
  Transition transition{.to = IntentState::kUnknown, .rule = std::string(rule)};
  if (live->safety.probed) {
    transition.next_attempt_at = FirstProbeAt(*live);
    return Record(live, std::move(transition), &Settler::ScheduleProbe);
  }
  Record(live, std::move(transition), &Settler::ToReview);
}

}  // namespace onetake
