#pragma once

#include <atomic>
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
// says so, once. It looks on a scheduler of its own: a disk may be slow, and neither calls nor what
// else reads files wait for it, nor it for them. Owned by that scheduler once it is started.
class TokenWatch {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(1);

  struct Options {
    std::string path;  // empty: watches nothing
    std::function<absl::StatusOr<std::vector<TokenRecord>>(const std::string& path)> read =
        ReadTokenFile;
  };
  // What it is given must outlive it. Tasks of `disk` may block.
  TokenWatch(Options options, Access& access, Scheduler& disk);

  // Reads the file before Start(). FAILED_PRECONDITION or INVALID_ARGUMENT when it cannot be used.
  // Blocks on the disk.
  absl::Status Load();
  // Begins to look again every now and then. From any thread.
  void Start();
  // How often it has looked; while the disk hangs, not at all. From any thread.
  int64_t looks() const { return looks_.load(std::memory_order_relaxed); }

 private:
  // The stamp by which a changed file is told apart; all 0: there is no file.
  using Stamp = std::tuple<uint64_t, int64_t, int64_t>;
  Stamp StampOf() const;
  absl::Status Read(const Stamp& stamp);
  void Look();
  void LookLater();

  const Options options_;
  Access& access_;
  Scheduler& disk_;
  std::atomic<int64_t> looks_ = 0;
  Stamp stamp_;             // what was read; a file that could not be is read again
  std::string last_error_;  // told once
};

}  // namespace onetake
