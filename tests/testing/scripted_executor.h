#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/tool_executor.h"

namespace onetake::testing {

// A downstream under the test's control. Every attempt takes the next scripted step, or succeeds at
// once when there is none; what took effect is kept apart, as the truth. Single-threaded.
class ScriptedExecutor final : public ToolExecutor {
 public:
  struct Step {
    AttemptReport report;  // what the executor reports
    absl::Duration after =
        absl::Milliseconds(100);  // longer than the timeout: reported as lost then
    bool takes_effect = true;
  };
  struct Sent {
    std::string tool;
    std::string rendered;
    TransportResend transport_resend;
    absl::Duration timeout;
    std::string traceparent;
  };

  explicit ScriptedExecutor(Scheduler& scheduler) : scheduler_(scheduler) {}

  static Step Success(std::string result, absl::Duration after = absl::Milliseconds(100)) {
    return {.report = {.reached = Reached::kBodyComplete,
                       .result_json = std::move(result),
                       .http_status = 201},
            .after = after};
  }
  static Step Failure(FailureKind failure, int status = 0) {
    return {.report = {.reached = status == 0 ? Reached::kSomethingSent : Reached::kBodyComplete,
                       .failure = failure,
                       .http_status = status},
            .takes_effect = false};
  }
  static Step LostAfterEffect() {
    Step step = Failure(FailureKind::kLost);
    step.takes_effect = true;
    return step;
  }

  // Forgets the steps that no attempt has taken.
  void Clear(const std::string& tool) { script_.erase(tool); }
  void Add(std::string tool, Step step) { script_[std::move(tool)].push_back(std::move(step)); }

  absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                     absl::string_view key) const override {
    if (!render_error.ok()) return render_error;
    return DumpJson(Json{{"tool", tool.name}, {"arguments", arguments}, {"key", std::string(key)}});
  }

  AttemptId Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                  Done done) override {
    const AttemptId id{++next_};
    if (on_start) on_start(tool->name);
    Step step = Success("{\"ok\":true}");
    if (std::deque<Step>& steps = script_[tool->name]; !steps.empty()) {
      step = std::move(steps.front());
      steps.pop_front();
    }
    const Json rendered = Json::parse(request.rendered);
    if (decide) {
      if (std::optional<Step> decided = decide(rendered)) step = *std::move(decided);
    }
    if (on_send) on_send(rendered.value("key", ""));
    sent.push_back({tool->name, request.rendered, request.transport_resend, request.timeout,
                    request.traceparent});
    if (step.takes_effect && tool->effect == Effect::kWrite)
      effects.push_back(rendered.value("key", ""));
    if (step.after > request.timeout) {
      step.after = request.timeout;
      step.report = {.reached = Reached::kSomethingSent,
                     .failure = FailureKind::kLost,
                     .timed_out = true,
                     .error = "timeout"};
    }
    step.report.latency = step.after;
    running_.emplace(id, std::move(done));
    if (request.on_progress) progress_.emplace(id, std::move(request.on_progress));
    scheduler_.RunAfter(step.after, [this, id, report = std::move(step.report)]() mutable {
      Finish(id, std::move(report));
    });
    return id;
  }

  bool HoldsKey(const Tool& /*tool*/, absl::string_view /*rendered*/,
                absl::string_view /*key*/) const override {
    return holds_key;
  }

  absl::Duration NotReadyFor(const Tool& tool) const override {
    return not_ready_for ? not_ready_for(tool) : absl::ZeroDuration();
  }

  void Cancel(AttemptId id) override {
    ++cancelled;
    scheduler_.Post([this, id] { Finish(id, cancel_report); });
  }

  // Answers with what is scripted, inconclusive without; false when `can_probe` is.
  bool Probe(const std::shared_ptr<const Tool>& /*tool*/, const std::string& rendered,
             absl::Duration /*timeout*/, ProbeDone done) override {
    if (!can_probe) return false;
    probed.push_back(rendered);
    ProbeReport report;
    if (!probe_script.empty()) {
      report = std::move(probe_script.front());
      probe_script.pop_front();
    }
    scheduler_.RunAfter(probe_takes,
                        [report = std::move(report), done = std::move(done)]() mutable {
                          done(std::move(report));
                        });
    return true;
  }
  // What the running attempts say of their progress.
  void Tell(const AttemptProgress& progress) {
    for (const auto& [id, tell] : progress_) tell(progress);
  }

  std::function<absl::Duration(const Tool&)> not_ready_for;
  bool holds_key = true;
  bool can_probe = true;
  std::deque<ProbeReport> probe_script;
  absl::Duration probe_takes = absl::ZeroDuration();
  std::vector<std::string> probed;  // the requests asked about
  std::vector<Sent> sent;
  std::vector<std::string> effects;  // keys, one entry an effect
  absl::Status render_error;
  std::function<void(const std::string& key)> on_send;
  std::function<void(const std::string& tool)> on_start;
  // What becomes of a rendered request, instead of the script; nullopt: as that says.
  std::function<std::optional<Step>(const Json& rendered)> decide;
  // What is reported of an attempt that is cancelled.
  AttemptReport cancel_report = {.reached = Reached::kSomethingSent, .failure = FailureKind::kLost};
  int cancelled = 0;
  size_t running() const { return running_.size(); }

 private:
  void Finish(AttemptId id, AttemptReport report) {
    progress_.erase(id);
    auto node = running_.extract(id);
    if (!node.empty()) node.mapped()(std::move(report));
  }

  Scheduler& scheduler_;
  uint64_t next_ = 0;
  std::map<std::string, std::deque<Step>> script_;
  std::map<AttemptId, Done> running_;
  std::map<AttemptId, std::function<void(const AttemptProgress&)>> progress_;
};

}  // namespace onetake::testing
