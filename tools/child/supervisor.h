#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/lifetime.h"
#include "tools/child/child_process.h"

namespace onetake {

// Keeps a program running: starts it again when it ends, after a pause that doubles from `base` to
// `cap` with jitter, and begins anew once a child has lived for `stable`. Owned by the loop, except
// the destructor, which may also run once the loop has stopped.
class Supervisor {
 public:
  struct Options {
    std::string name;  // for the log
    std::vector<std::string> command;
    std::string log_file;
    // ChildProcess's.
    size_t line_bytes = 64 * 1024;
    ChildProcess::Options::LongLine long_line = ChildProcess::Options::LongLine::kEnds;
    // Whether a child that closes its input or output is of no use any more, and is started again.
    bool needs_pipes = false;
    // Makes the whole environment of the next child, at each start, so that a changed secret is
    // seen.
    std::function<absl::StatusOr<std::vector<std::string>>()> environment;
    std::function<void()> on_start;                   // a new child runs
    std::function<void(std::string)> on_line;         // of its standard output
    std::function<void(const std::string&)> on_down;  // it is gone, or could not be started
    absl::Duration base = absl::Milliseconds(200);
    absl::Duration cap = absl::Seconds(30);
    absl::Duration stable = absl::Seconds(60);
  };

  Supervisor(EventLoop& loop, const Clock& clock, Random& random, Options options);
  ~Supervisor();

  void Start();
  // Ends a child that is of no use, and starts another one after the pause.
  void Restart();
  // nullptr while there is none.
  ChildProcess* child() { return child_.get(); }

 private:
  void Launch();
  void OnDown(const std::string& how);

  EventLoop& loop_;
  const Clock& clock_;
  Random& random_;
  const Options options_;
  std::unique_ptr<ChildProcess> child_;
  absl::Duration started_ = absl::ZeroDuration();
  int failures_ = 0;
  Scheduler::TimerId timer_ = Scheduler::TimerId::kNone;
  Lifetime lifetime_;
};

// How long to wait after the n-th failure in a row, counted from 1: between the half and the whole
// of `base` doubled n-1 times, at most `cap`. Pure except for `random`.
absl::Duration RestartPause(int failures, absl::Duration base, absl::Duration cap, Random& random);

// Returns our PATH, HOME, LANG, TZ and TMPDIR as NAME=value: what a program needs to find its way,
// and nothing that could be a secret.
std::vector<std::string> PlainEnvironment();

}  // namespace onetake
