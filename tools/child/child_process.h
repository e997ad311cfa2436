#pragma once

#include <sys/types.h>

#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/lifetime.h"

namespace onetake {

// One run of a program whose standard input and output are pipes to us, in a process group of its
// own. It inherits no descriptor and no signal mask of ours, and is killed by the kernel when this
// process dies. Owned by the loop, except the destructor, which may also run once the loop has
// stopped.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;      // the first is a path, or is looked for in PATH
    std::vector<std::string> environment;  // NAME=value; all that it gets
    std::string log_file;                  // standard error is appended to it; empty: dropped
    size_t line_bytes = 64 * 1024;
    // What becomes of a longer line of output: it ends the child, or what is too much of it is
    // dropped.
    enum class LongLine { kEnds, kIsCut } long_line = LongLine::kEnds;
    // Gets a line of its standard output, without the newline. Never inside a call of ours.
    std::function<void(std::string)> on_line;
    // The child has closed its output, or its input, and lives on for a second: which, in words.
    // Called at most once, and not after Stop().
    std::function<void(const std::string&)> on_closed;
    // The child is gone: "exit status 1", "signal 11". Called once, after the last line; not after
    // Stop() by the destructor.
    std::function<void(std::string)> on_exit;
  };

  // UNAVAILABLE when it cannot be started, saying why.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(EventLoop& loop, Options options);
  // Ends the child: SIGTERM, and SIGKILL when that does not help within two seconds; blocks until
  // it is gone.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Queues bytes for its standard input, and returns the number under which they wait. nullopt when
  // more than `kQueueBytes` wait already, or it is closed: the child does not read.
  static constexpr size_t kQueueBytes = 4 * 1024 * 1024;
  std::optional<uint64_t> Write(std::string bytes);
  // Drops the bytes that wait under this number. False: some of them may have been written.
  bool TakeBack(uint64_t number);
  // Asks the child to end: closes its input, sends SIGTERM, and SIGKILL after `grace`. on_exit is
  // called.
  void Stop(absl::Duration grace);
  pid_t pid() const { return pid_; }

 private:
  ChildProcess(EventLoop& loop, Options options, pid_t pid, int pidfd, int input, int output);
  void Watch();
  void ReadOutput();
  void OnBytes(absl::string_view bytes);
  // False at the end of the output.
  bool ReadSome();
  void DrainOutput();
  void WriteNext();
  void OnWritten(const std::error_code& error, size_t bytes);
  void OnClosed(const char* what);
  void OnExit();
  void Signal(int signal);

  EventLoop& loop_;
  Options options_;
  const pid_t pid_;
  asio::posix::stream_descriptor exit_;
  asio::posix::stream_descriptor input_;
  asio::posix::stream_descriptor output_;
  std::string line_;  // not ended yet
  std::vector<char> buffer_;
  struct Queued {
    uint64_t number = 0;
    std::string bytes;
  };
  std::list<Queued> queue_;  // the first is being written
  uint64_t next_ = 0;
  size_t queued_ = 0;
  bool writing_ = false;
  size_t written_ = 0;  // of the first
  bool reaped_ = false;
  bool too_long_ = false;                                  // a line of its output has ended it
  Scheduler::TimerId closed_ = Scheduler::TimerId::kNone;  // until it is told
  Scheduler::TimerId kill_ = Scheduler::TimerId::kNone;
  Lifetime lifetime_;
};

}  // namespace onetake
