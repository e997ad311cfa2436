#include "tools/child/child_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/child/spawn.h"

namespace onetake {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr int kLastGraceMs = 2000;
// A program that ends closes all that it has a moment before.
constexpr absl::Duration kClosedGrace = absl::Seconds(1);

std::string How(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("signal ", WTERMSIG(status));
  return absl::StrCat("exit status ", WEXITSTATUS(status));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(EventLoop& loop,
                                                                  Options options) {
  if (options.command.empty()) return absl::UnavailableError("there is no command");
  const absl::StatusOr<Spawned> spawned =
      Spawn(options.command, options.environment, options.log_file);
  if (!spawned.ok()) return spawned.status();
  auto child = std::unique_ptr<ChildProcess>(new ChildProcess(
      loop, std::move(options), spawned->pid, spawned->pidfd, spawned->input, spawned->output));
  child->Watch();
  return child;
}

ChildProcess::ChildProcess(EventLoop& loop, Options options, pid_t pid, int pidfd, int input,
                           int output)
    : loop_(loop),
      options_(std::move(options)),
      pid_(pid),
      exit_(loop.io(), pidfd),
      input_(loop.io(), input),
      output_(loop.io(), output),
      buffer_(kReadBytes) {}

ChildProcess::~ChildProcess() {
  lifetime_.End();
  loop_.Cancel(closed_);
  loop_.Cancel(kill_);
  std::error_code ignored;
  input_.close(ignored);
  if (reaped_) return;
  Signal(SIGTERM);
  pollfd ended{.fd = exit_.native_handle(), .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, kLastGraceMs) != 1) Signal(SIGKILL);
  Signal(SIGKILL);  // what it left in its group, whose number is its own until it is reaped
  waitpid(pid_, nullptr, 0);
}

void ChildProcess::Signal(int signal) { kill(-pid_, signal); }

void ChildProcess::Watch() {
  ReadOutput();
  exit_.async_wait(asio::posix::stream_descriptor::wait_read,
                   lifetime_.While([this](const std::error_code& error) {
                     if (!error) OnExit();
                   }));
}

// Waits and reads in the same step, so that nothing which was read waits in `buffer_` when the
// child's end is told.
void ChildProcess::ReadOutput() {
  output_.async_wait(asio::posix::stream_descriptor::wait_read,
                     lifetime_.While([this](const std::error_code& error) {
                       const Lifetime::Observer self = lifetime_.Observe();
                       const bool goes_on = !error && ReadSome();
                       if (self.IsOver()) return;
                       if (!goes_on) return OnClosed("it has closed its standard output");
                       ReadOutput();
                     }));
}

bool ChildProcess::ReadSome() {
  const ssize_t got = read(output_.native_handle(), buffer_.data(), buffer_.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  OnBytes(absl::string_view(buffer_.data(), static_cast<size_t>(got)));
  return true;
}

void ChildProcess::OnBytes(absl::string_view bytes) {
  const Lifetime::Observer self = lifetime_.Observe();
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    line_.append(bytes.data(), std::min(end, bytes.size()));
    if (line_.size() > options_.line_bytes) {
      if (options_.long_line == Options::LongLine::kEnds) {
        line_.clear();
        too_long_ = true;
        return Signal(SIGKILL);
      }
      line_.resize(options_.line_bytes);
    }
    if (end == absl::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    if (options_.on_line) options_.on_line(std::exchange(line_, {}));
    if (self.IsOver()) return;
  }
}

// Reads only what is there now: somebody who has left the child's group may hold the other end, and
// go on.
void ChildProcess::DrainOutput() {
  const Lifetime::Observer self = lifetime_.Observe();
  int left = 0;
  if (ioctl(output_.native_handle(), FIONREAD, &left) != 0) return;
  for (; !self.IsOver() && left > 0; left -= static_cast<int>(kReadBytes)) {
    if (!ReadSome()) return;
  }
}

std::optional<uint64_t> ChildProcess::Write(std::string bytes) {
  if (!input_.is_open() || queued_ + bytes.size() > kQueueBytes) return std::nullopt;
  queued_ += bytes.size();
  queue_.push_back({.number = ++next_, .bytes = std::move(bytes)});
  if (!writing_) WriteNext();
  return next_;
}

bool ChildProcess::TakeBack(uint64_t number) {
  for (auto waits = queue_.begin(); waits != queue_.end(); ++waits) {
    if (waits->number != number) continue;
    if (waits == queue_.begin() && (writing_ || written_ > 0)) return false;
    queued_ -= waits->bytes.size();
    queue_.erase(waits);
    return true;
  }
  return false;
}

// Writes a piece at a time: asio::async_write goes on with its descriptor by itself, also when that
// is gone.
void ChildProcess::WriteNext() {
  if (queue_.empty()) return;
  writing_ = true;
  input_.async_write_some(asio::buffer(queue_.front().bytes) + written_,
                          lifetime_.While([this](const std::error_code& error, size_t bytes) {
                            OnWritten(error, bytes);
                          }));
}

void ChildProcess::OnWritten(const std::error_code& error, size_t bytes) {
  if (error) {
    writing_ = false;
    std::error_code ignored;
    input_.close(ignored);
    return OnClosed("it has closed its standard input");
  }
  written_ += bytes;
  if (written_ == queue_.front().bytes.size()) {
    writing_ = false;
    queued_ -= std::exchange(written_, 0);
    queue_.pop_front();
  }
  WriteNext();
}

void ChildProcess::Stop(absl::Duration grace) {
  if (reaped_ || kill_ != Scheduler::TimerId::kNone) return;
  std::error_code ignored;
  if (!writing_) input_.close(ignored);
  Signal(SIGTERM);
  kill_ = loop_.RunAfter(grace, lifetime_.While([this] { Signal(SIGKILL); }));
}

void ChildProcess::OnClosed(const char* what) {
  if (!options_.on_closed || closed_ != Scheduler::TimerId::kNone) return;
  closed_ = loop_.RunAfter(kClosedGrace, lifetime_.While([this, what] {
    const bool is_stopped = reaped_ || kill_ != Scheduler::TimerId::kNone;
    if (!is_stopped) options_.on_closed(what);
  }));
}

void ChildProcess::OnExit() {
  const Lifetime::Observer self = lifetime_.Observe();
  Signal(SIGKILL);  // what it left in its group, whose number is its own until it is reaped
  DrainOutput();
  if (self.IsOver()) return;
  int status = 0;
  waitpid(pid_, &status, 0);
  reaped_ = true;
  loop_.Cancel(closed_);
  loop_.Cancel(kill_);
  std::error_code ignored;
  input_.close(ignored);
  output_.close(ignored);
  if (!options_.on_exit) return;
  options_.on_exit(too_long_ ? absl::StrCat("a line of its output is longer than ",
                                            options_.line_bytes, " bytes")
                             : How(status));
}

}  // namespace onetake
