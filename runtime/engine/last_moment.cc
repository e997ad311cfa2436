#include "runtime/engine/last_moment.h"

#include <utility>

#include "runtime/engine/context.h"

namespace onetake {

std::shared_ptr<LastMoment> LastMoment::Set(Scheduler& scheduler, absl::Duration delay,
                                            AnswerCallback done) {
  std::shared_ptr<LastMoment> last(new LastMoment(scheduler, std::move(done)));
  last->timer_ = scheduler.RunAfter(delay, [last] {
    AnswerCallback done = last->Take();
    if (done) done(OverloadedError("the ledger did not answer in time"));
  });
  return last;
}

LastMoment::LastMoment(Scheduler& scheduler, AnswerCallback done)
    : scheduler_(scheduler), done_(std::move(done)) {}

AnswerCallback LastMoment::Take() {
  scheduler_.Cancel(timer_);
  return std::exchange(done_, nullptr);
}

}  // namespace onetake
