#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/access/access.h"
#include "runtime/access/token_file.h"
#include "runtime/base/clock.h"

namespace onetake {

// Keeps the tokens of Access as the file says, so that a token that was revoked ends soon and
// without a restart. No file means no tokens. A file that cannot be used changes nothing: the log
// says so, once. Looks on a scheduler of its own, as a disk may be slow: calls must not wait for
// it. Owned by that scheduler once it is started.
class TokenWatch {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(1);

  struct Options {
    std::string path;  // empty: watches nothing
    std::function<absl::StatusOr<std::vector<TokenRecord>>(const std::string& path)> read =
        ReadTokenFile;
    // Told in the loop after every look: who was let in may have to go. May be empty.
    std::function<void()> on_looked;
  };
  // All must outlive it. Tasks of `disk` may block.
  TokenWatch(Options options, Access& access, Scheduler& disk, Scheduler& loop);

  // Before Start(): FAILED_PRECONDITION or INVALID_ARGUMENT when the file cannot be used. Blocks on
  // the disk.
  absl::Status Load();
  // Looks again every now and then. From any thread.
  void Start();

 private:
  // By which a file that was changed is told apart; all 0: there is none.
  using Stamp = std::tuple<uint64_t, int64_t, int64_t>;
  Stamp StampOf() const;
  absl::Status Read(const Stamp& stamp);
  void Look();
  void LookLater();

  const Options options_;
  Access& access_;
  Scheduler& disk_;
  Scheduler& loop_;
  Stamp stamp_;             // of what was read; a file that could not be is read again
  std::string last_error_;  // told once
};

}  // namespace onetake
