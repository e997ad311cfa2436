#include "runtime/base/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace onetake {

bool LineWriter::WaitForReader() {
  pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
  const bool for_ever = patience_ == absl::InfiniteDuration();
  const int patience_ms = for_ever ? -1 : static_cast<int>(absl::ToInt64Milliseconds(patience_));
  const int wait_ms = stalled_ ? 0 : patience_ms;
  int ready = 0;
  do {
    ready = poll(&waiting, 1, wait_ms);
  } while (ready < 0 && errno == EINTR);
  stalled_ = ready <= 0 || (waiting.revents & POLLOUT) == 0;
  return !stalled_;
}

size_t LineWriter::WriteWhatFits(absl::string_view text) {
  size_t written = 0;
  while (written < text.size() && WaitForReader()) {
    // As much as a pipe that can be written to takes without waiting (POSIX, pipe(7)).
    const size_t most = std::min<size_t>(text.size() - written, PIPE_BUF);
    const ssize_t took = write(fd_, text.data() + written, most);
    if (took > 0) written += static_cast<size_t>(took);
    if (took <= 0 && errno != EINTR) {
      stalled_ = true;
      break;
    }
  }
  return written;
}

bool LineWriter::Write(absl::string_view line) {
  rest_.erase(0, WriteWhatFits(rest_));
  if (!rest_.empty()) return false;
  const size_t written = WriteWhatFits(line);
  if (written > 0) rest_.assign(line.data() + written, line.size() - written);
  return written > 0;
}

}  // namespace onetake
