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

// A tool and the latencies that were measured of it.
struct MeasuredTool {
  std::shared_ptr<const Tool> tool;
  LatencyHistogram measured;
};

// Keeps the engine's latencies in the ledger, and warns of timeouts that they contradict. Owned by
// the loop, except where a method says otherwise; must outlive the store's callbacks.
class LatencyKeeper {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(30);

  LatencyKeeper(LatencyBook& book, std::shared_ptr<const ToolSet> tools, LatencyStore& store,
                const Clock& clock, Scheduler& loop);

  // Fills the book. Blocks; call it before the loop runs. A row that cannot be read is dropped and
  // logged; if the store cannot be read, that is logged, and the tools are measured anew.
  void Restore();
  // The tools have changed: warns of those that are new or different. What was measured of a tool
  // that asks its downstream the same still counts.
  void SetTools(std::shared_ptr<const ToolSet> tools);
  // Begins to save what has changed, and to warn, every kInterval.
  void Start();
  // Saves what has changed, without waiting for it. May also be called after the loop has stopped.
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
  // The warnings given, so that each comes once a change and not once a round.
  std::set<std::string> warned_;
};

}  // namespace onetake
