#pragma once

#include <memory>
#include <utility>

#include "runtime/base/clock.h"

namespace onetake {

// A callback for another thread, which calls it once: `then` runs on the loop with the value. The
// thread keeps the callback for a while and then destroys it; `then` is not in it any more, so what
// it holds is given up on the loop, which may be the only one that may touch it.
template <typename Then>
auto OnLoop(Scheduler& scheduler, Then then) {
  // The box: a lambda alone would copy what it has captured as const.
  return [&scheduler, box = std::make_unique<Then>(std::move(then))](auto value) mutable {
    scheduler.Post(
        [box = std::move(box), value = std::move(value)]() mutable { (*box)(std::move(value)); });
  };
}

}  // namespace onetake
