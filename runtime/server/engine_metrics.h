#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "runtime/engine/observer.h"

namespace onetake {

// What the engine does, as Prometheus figures:
//
//   onetake_calls_total{tool,effect,disposition}   answered calls
//   onetake_calls_refused_total{code}              calls answered with a gRPC status
//   onetake_call_seconds{tool}                     histogram: from a call to its answer
//   onetake_calls_by_role_total{tool,role}         what calls were to their intents: opened,
//   joined,
//                                                  replayed, redelivered, conflict, held ...
//   onetake_retries_held_back_total{tool}          of these, calls that would have written again
//   onetake_attempts_total{tool,failure}           dispatches that ended; failure "none": it worked
//   onetake_attempt_seconds{tool}                  histogram: of those that got an answer
//
// Tools are those of the catalog; what a model invented is counted as "(unknown)", so that nobody
// can make series. Told by the loop, read by any thread.
class EngineMetrics final : public EngineObserver {
 public:
  EngineMetrics();

  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

  void OnAnswered(const Tool* tool, const absl::StatusOr<Answer>& answer,
                  absl::Duration took) override;
  void OnRole(const Tool* tool, CallRole role) override;
  void OnAttempt(const Tool& tool, const AttemptReport& report) override;

 private:
  static constexpr size_t kDispositions = 10;
  static constexpr size_t kRoles = 10;
  // The figures of one tool, looked up once; each is nullptr until it is first needed.
  struct OfTool {
    std::array<prometheus::Counter*, kDispositions> calls{};
    std::array<prometheus::Counter*, kRoles> roles{};
    absl::flat_hash_map<std::string, prometheus::Counter*> attempts;
    prometheus::Counter* held_back = nullptr;
    prometheus::Histogram* call_seconds = nullptr;
    prometheus::Histogram* attempt_seconds = nullptr;
  };
  OfTool& Of(const std::string& tool);

  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& calls_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& roles_;
  prometheus::Family<prometheus::Counter>& held_back_;
  prometheus::Family<prometheus::Counter>& attempts_;
  prometheus::Family<prometheus::Histogram>& call_seconds_;
  prometheus::Family<prometheus::Histogram>& attempt_seconds_;
  absl::flat_hash_map<std::string, OfTool> tools_;
};

}  // namespace onetake
