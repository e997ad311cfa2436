#pragma once

#include <memory>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace onetake {

// Answers a call when what it waits for has not come by its last moment. Whoever has the answer
// takes the callback first. Owned by the loop; `scheduler` outlives it.
class LastMoment {
 public:
  // After `delay`, unless it was taken before, `done` hears OVERLOADED: nothing of the call may be
  // recorded by then.
  static std::shared_ptr<LastMoment> Set(Scheduler& scheduler, absl::Duration delay,
                                         AnswerCallback done);
  // nullptr: its moment has come, and the call is answered.
  AnswerCallback Take();

 private:
  LastMoment(Scheduler& scheduler, AnswerCallback done);

  Scheduler& scheduler_;
  AnswerCallback done_;
  Scheduler::TimerId timer_ = Scheduler::TimerId::kNone;
};

}  // namespace onetake
