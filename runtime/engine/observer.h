#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/tool_executor.h"

namespace onetake {

// Told what happens, for metrics. Owned by the loop; must not call the engine back. A tool that is
// null is one that the catalog does not have.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  // A call was answered, with a disposition or with a status, `took` after it came.
  virtual void OnAnswered(const Tool* tool, const absl::StatusOr<Answer>& answer,
                          absl::Duration took) = 0;
  // It is known what a call was to its intent. Once for each call that is recorded.
  virtual void OnRole(const Tool* tool, CallRole role) = 0;
  // An attempt has ended; attempts of READs, probes and hedges count, too.
  virtual void OnAttempt(const Tool& tool, const AttemptReport& report) = 0;
};

}  // namespace onetake
