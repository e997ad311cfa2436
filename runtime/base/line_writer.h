#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace onetake {

// Writes lines to a descriptor that somebody else reads, who may have stopped reading (a log
// collector that hangs): whoever logs is not to wait for that. Not thread-safe.
class LineWriter {
 public:
  // `fd` stays the caller's. A write waits for the reader for up to `patience`, which may be
  // infinite, and no longer at all from when it did so in vain until the reader goes on.
  LineWriter(int fd, absl::Duration patience) : fd_(fd), patience_(patience) {}
  void set_patience(absl::Duration patience) { patience_ = patience; }

  // Writes `line`, which ends with a line feed. False: the reader takes nothing, and it is dropped.
  // A line that was begun is never left half written: its rest goes before the next one.
  bool Write(absl::string_view line);

 private:
  // How much of `text` was written.
  size_t WriteWhatFits(absl::string_view text);
  bool WaitForReader();

  const int fd_;
  absl::Duration patience_;
  bool stalled_ = false;
  std::string rest_;  // of a line that was begun
};

}  // namespace onetake
