#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/access/access.h"
#include "runtime/base/clock.h"

namespace onetake {

// Keeps the tokens of Access as the file says, so that a token that was revoked ends soon and
// without a restart. No file means no tokens. A file that cannot be used changes nothing: the log
// says so, once. Owned by the loop.
class TokenWatch {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(1);

  // Told in the loop after every look: who was let in may have to go. May be empty.
  using OnLooked = std::function<void()>;
  // Both must outlive it. An empty `path` watches nothing.
  TokenWatch(std::string path, Access& access, Scheduler& loop, OnLooked on_looked);

  // Before the loop runs: FAILED_PRECONDITION or INVALID_ARGUMENT when the file cannot be used.
  absl::Status Load();
  // Looks again every now and then.
  void Start();

 private:
  // By which a file that was changed is told apart; all 0: there is none.
  using Stamp = std::tuple<uint64_t, int64_t, int64_t>;
  Stamp StampOf() const;
  absl::Status Read(const Stamp& stamp);
  void Look();

  const std::string path_;
  Access& access_;
  Scheduler& loop_;
  const OnLooked on_looked_;
  Stamp stamp_;             // of what was read; a file that could not be is read again
  std::string last_error_;  // told once
};

}  // namespace onetake
