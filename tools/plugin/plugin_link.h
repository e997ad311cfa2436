#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "runtime/engine/tool_executor.h"

namespace onetake {

// The result of one Invoke, in the words of onetake.v1.InvokeOutcome.
struct PluginResult {
  enum class Outcome {
    kSucceeded,        // it took effect, or the READ succeeded
    kRejected,         // refused for good; surely no effect
    kNoEffect,         // could not be done now; surely no effect; may be sent again
    kMayHaveHappened,  // nobody can tell
  };
  Outcome outcome = Outcome::kMayHaveHappened;
  // For kNoEffect: whether the plugin saw the call at all. A link that cannot tell says kSeen.
  // kStillRuns is for Cancel() alone: the call was begun, and has not returned.
  enum class Delivery { kSeen, kStillRuns, kNeverDelivered };
  Delivery delivery = Delivery::kSeen;
  std::string result_json;                    // the plugin's bytes; may be empty
  std::optional<absl::Duration> retry_after;  // for kNoEffect
  std::string error;                          // short, for the ledger
};

// The tools that a plugin says it offers, and what it says of itself.
struct PluginDescription {
  struct Tool {
    std::string name;
    std::string description;
    std::string parameters_json;
    Effect effect = Effect::kWrite;  // only a hint; the manifest decides
    absl::Duration key_retention = absl::ZeroDuration();
    bool can_probe = false;
  };
  std::string name;
  std::string version;
  std::vector<Tool> tools;

  bool Offers(absl::string_view tool) const {
    return std::any_of(tools.begin(), tools.end(),
                       [tool](const Tool& offered) { return tool == offered.name; });
  }
};

// One running plugin, in this process or another one: a ToolPlugin of onetake/v1/plugin.proto or
// the same in C. Owned by the loop. One Invoke is one attempt: no link sends a call twice.
class PluginLink {
 public:
  struct Call {
    std::string tool;
    std::string arguments_json;
    std::string key;  // empty for a READ
    int attempt = 1;
    std::string traceparent;  // W3C Trace Context; may be empty
    absl::Duration timeout;   // the plugin is told; the caller enforces it
  };
  using Progress = std::function<void(const AttemptProgress&)>;
  using Done = absl::AnyInvocable<void(PluginResult)>;
  using ProbeDone = absl::AnyInvocable<void(ProbeReport)>;

  virtual ~PluginLink() = default;
  // `done` is called once, from the loop, never inside Invoke(); `progress` before it, and never
  // after Cancel().
  virtual uint64_t Invoke(Call call, Progress progress, Done done) = 0;
  // Asks about a call; `done` as in Invoke(). A plugin that cannot tell is inconclusive.
  virtual void Probe(Call call, ProbeDone done) = 0;
  // What the plugin offers; nullptr while it is not ready to be called.
  virtual const PluginDescription* description() const = 0;
  // Ends an Invoke that nobody waits for any more: the plugin is told, if it can be. `done` may
  // still be called. kNeverDelivered: it had not begun, and now surely never will. Ended ids are
  // ignored.
  virtual PluginResult::Delivery Cancel(uint64_t id) = 0;
};

}  // namespace onetake
