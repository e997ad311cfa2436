#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"
#include "runtime/base/lifetime.h"
#include "runtime/engine/tool_executor.h"
#include "tools/plugin/plugin_link.h"

namespace onetake {

// Executes tools of plugins, native or over gRPC. Holds every attempt to its hard timeout, whatever
// the plugin does: what it says later is not heard. Owned by the loop.
class PluginExecutor final : public ToolExecutor {
 public:
  // `links` are keyed by their names in onetake.yaml.
  PluginExecutor(Scheduler& scheduler, const Clock& clock,
                 std::map<std::string, std::unique_ptr<PluginLink>> links);

  // Ends the plugins; what still runs in them is not reported any more. To be called from the loop,
  // or once it has stopped; blocks until they have ended.
  void Stop();
  // nullptr when there is no link of that name.
  PluginLink* LinkOf(const std::string& plugin) const;

  absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                     absl::string_view key) const override;
  AttemptId Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                  Done done) override;
  absl::Duration NotReadyFor(const Tool& tool) const override;
  void Cancel(AttemptId id) override;
  bool Probe(const std::shared_ptr<const Tool>& tool, const std::string& rendered,
             absl::Duration timeout, ProbeDone done) override;

 private:
  struct Running {
    Done done;
    PluginLink* link = nullptr;  // nullptr: it was never begun
    uint64_t call = 0;
    absl::Duration began = absl::ZeroDuration();
    Scheduler::TimerId timer = Scheduler::TimerId::kNone;
  };

  void Refuse(AttemptId id, std::string error);
  void Begin(AttemptId id, PluginLink& link, PluginLink::Call call, AttemptRequest request);
  void Finish(AttemptId id, AttemptReport report);

  Scheduler& scheduler_;
  const Clock& clock_;
  std::map<std::string, std::unique_ptr<PluginLink>> links_;
  uint64_t next_ = 0;
  absl::flat_hash_map<AttemptId, Running> running_;
  Lifetime lifetime_;
};

}  // namespace onetake
