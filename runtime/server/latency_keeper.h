#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/catalog/tool.h"
#include "runtime/latency/latency_book.h"
#include "runtime/ledger/latency_store.h"

namespace onetake {

// A tool and what has been measured of it.
struct MeasuredTool {
  std::shared_ptr<const Tool> tool;
  LatencyHistogram measured;
};

// Keeps the engine's latencies in the ledger, and warns of timeouts that they contradict. Owned by
// the loop, but for what is said otherwise; must outlive the store's callbacks.
class LatencyKeeper {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(30);

  LatencyKeeper(LatencyBook& book, std::shared_ptr<const ToolSet> tools, LatencyStore& store,
                const Clock& clock, Scheduler& loop);

  // Fills the book. Blocks; before the loop runs. A row that cannot be read is dropped and logged,
  // and so is a store that cannot be: the tools are measured anew.
  void Restore();
  // The tools have changed: warns of those that are new or different. What was measured of a tool
  // that asks its downstream the same still counts.
  void SetTools(std::shared_ptr<const ToolSet> tools);
  // From now on, every kInterval: saves what has changed, and warns.
  void Start();
  // Saves what has changed, without waiting for it. Also after the loop has stopped.
  void Save();
  // One entry a tool, sorted by name.
  std::vector<MeasuredTool> Report() const;

 private:
  void Warn();

  LatencyBook& book_;
  std::shared_ptr<const ToolSet> tools_;
  LatencyStore& store_;
  const Clock& clock_;
  Scheduler& loop_;
  // What has been warned of, so that a warning comes once a change and not once a round.
  std::set<std::string> warned_;
};

}  // namespace onetake
