#include "tools/plugin/plugin_executor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "tools/plugin/plugin_call.h"
#include "tools/plugin/plugin_report.h"

namespace onetake {
namespace {

// How soon to look again whether a plugin that was not ready is.
constexpr absl::Duration kLookAgain = absl::Milliseconds(100);

// What is known of a call that nobody waits for any more; `why` is said of one that may have run.
AttemptReport EndOf(PluginResult::Delivery seen, std::string why) {
  if (seen == PluginResult::Delivery::kNeverDelivered) {
    return {.failure = FailureKind::kNotSent, .error = "the plugin was too busy to begin it"};
  }
  return {.reached = Reached::kSomethingSent,
          .failure = FailureKind::kLost,
          .still_runs = seen == PluginResult::Delivery::kStillRuns,
          .error = std::move(why)};
}

// A ledger's file may say what somebody has written into it.
absl::StatusOr<PluginCall> ParseRecorded(const Tool& tool, absl::string_view rendered) {
  ONETAKE_ASSIGN_OR_RETURN(PluginCall call, ParsePluginCall(rendered));
  const bool same = tool.plugin.has_value() && call.plugin == tool.plugin->plugin &&
                    call.tool == tool.plugin->tool;
  if (same) return call;
  return absl::FailedPreconditionError(
      "the recorded call is of another plugin or tool than the manifest's: it is not sent");
}

}  // namespace

PluginExecutor::PluginExecutor(Scheduler& scheduler, const Clock& clock,
                               std::map<std::string, std::unique_ptr<PluginLink>> links)
    : scheduler_(scheduler), clock_(clock), links_(std::move(links)) {}

// Attempts and their timers go first: they, and whoever cancels an attempt, would speak to a link
// that is no more.
void PluginExecutor::Stop() {
  const auto running = std::exchange(running_, {});
  for (const auto& [id, attempt] : running) scheduler_.Cancel(attempt.timer);
  links_.clear();
}

absl::StatusOr<std::string> PluginExecutor::Render(const Tool& tool, const Json& arguments,
                                                   absl::string_view key) const {
  std::string rendered = Serialise(RenderCall(*tool.plugin, arguments, key));
  if (rendered.size() <= 2 * limits::kArgumentsBytes) return rendered;
  return absl::InvalidArgumentError("the arguments are too long for a plugin");
}

PluginLink* PluginExecutor::LinkOf(const std::string& plugin) const {
  const auto found = links_.find(plugin);
  return found == links_.end() ? nullptr : found->second.get();
}

AttemptId PluginExecutor::Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                                Done done) {
  const AttemptId id{++next_};
  running_.emplace(id, Running{.done = std::move(done), .began = clock_.Elapsed()});
  absl::StatusOr<PluginCall> call = ParseRecorded(*tool, request.rendered);
  if (!call.ok()) {
    Refuse(id, std::string(call.status().message()));
    return id;
  }
  PluginLink* link = LinkOf(call->plugin);
  if (link == nullptr) {
    Refuse(id, absl::StrCat("there is no plugin ", call->plugin));
    return id;
  }
  PluginLink::Call sent{.tool = std::move(call->tool),
                        .arguments_json = std::move(call->arguments_json),
                        .key = std::move(call->key),
                        .attempt = request.number,
                        .traceparent = request.traceparent,
                        .timeout = request.timeout};
  Begin(id, *link, std::move(sent), std::move(request));
  return id;
}

void PluginExecutor::Refuse(AttemptId id, std::string error) {
  scheduler_.Post(lifetime_.While([this, id, error = std::move(error)] {
    Finish(id, {.failure = FailureKind::kNotSent, .refused_here = true, .error = error});
  }));
}

void PluginExecutor::Begin(AttemptId id, PluginLink& link, PluginLink::Call call,
                           AttemptRequest request) {
  Running& running = running_.at(id);
  running.link = &link;
  running.timer = scheduler_.RunAfter(request.timeout, [this, id] {
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    found->second.timer = Scheduler::TimerId::kNone;
    AttemptReport report =
        EndOf(found->second.link->Cancel(found->second.call), "the plugin did not answer in time");
    report.timed_out = report.failure == FailureKind::kLost;
    Finish(id, std::move(report));
  });
  auto progress = lifetime_.While(
      [this, id, tell = std::move(request.on_progress)](const AttemptProgress& said) {
        if (!tell || !running_.contains(id)) return;
        AttemptProgress clean = said;
        clean.text = Printable(said.text, limits::kProgressBytes);
        tell(clean);
      });
  const uint64_t number = link.Invoke(std::move(call), std::move(progress),
                                      lifetime_.While([this, id](PluginResult result) {
                                        Finish(id, ReportOf(std::move(result)));
                                      }));
  running_.at(id).call = number;
}

void PluginExecutor::Finish(AttemptId id, AttemptReport report) {
  auto node = running_.extract(id);
  if (node.empty()) return;  // its time was over
  Running& running = node.mapped();
  scheduler_.Cancel(running.timer);
  report.latency = clock_.Elapsed() - running.began;
  running.done(std::move(report));
}

absl::Duration PluginExecutor::NotReadyFor(const Tool& tool) const {
  const PluginLink* link = LinkOf(tool.plugin->plugin);
  const bool waits = link != nullptr && link->description() == nullptr;
  return waits ? kLookAgain : absl::ZeroDuration();
}

void PluginExecutor::Cancel(AttemptId id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  if (found->second.link == nullptr) return;  // Refuse() ends it
  const auto seen = found->second.link->Cancel(found->second.call);
  scheduler_.Post(lifetime_.While([this, id, seen] { Finish(id, EndOf(seen, "cancelled")); }));
}

bool PluginExecutor::Probe(const std::shared_ptr<const Tool>& tool, const std::string& rendered,
                           absl::Duration timeout, ProbeDone done) {
  absl::StatusOr<PluginCall> call = ParseRecorded(*tool, rendered);
  PluginLink* link = call.ok() ? LinkOf(call->plugin) : nullptr;
  if (link == nullptr) return false;
  // Whichever comes first, the plugin's answer or the end of its time, is the answer.
  auto once = std::make_shared<ProbeDone>(std::move(done));
  auto answer = [once](ProbeReport report) {
    if (*once) std::exchange(*once, nullptr)(std::move(report));
  };
  const Scheduler::TimerId timer = scheduler_.RunAfter(
      timeout, [answer] { answer({.error = "the plugin did not answer in time"}); });
  link->Probe({.tool = std::move(call->tool),
               .arguments_json = std::move(call->arguments_json),
               .key = std::move(call->key),
               .timeout = timeout},
              lifetime_.While([this, timer, answer](ProbeReport report) {
                scheduler_.Cancel(timer);
                report.error = Printable(report.error, kErrorBytes);
                if (!IsRecordable(report.result_json)) report.result_json.clear();
                answer(std::move(report));
              }));
  return true;
}

}  // namespace onetake
