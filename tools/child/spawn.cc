#include "tools/child/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr mode_t kOwnerOnly = 0600;

struct Pipe {
  ~Pipe() {
    for (const int end : {read, write}) {
      if (end >= 0) close(end);
    }
  }
  bool Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  int read = -1;
  int write = -1;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status Failed(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(error)));
}

// Runs in the child, between fork and exec: nothing but system calls.
[[noreturn]] void Become(char* const* command, char* const* environment, int input, int output,
                         int log, int failure, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before that took effect
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  dup2(failure, 3);
  fcntl(3, F_SETFD, FD_CLOEXEC);
  close_range(4, ~0U, 0);
  execvpe(command[0], command, environment);
  const int error = errno;
  const ssize_t written = write(3, &error, sizeof(error));
  _exit(written == sizeof(error) ? 127 : 126);
}

}  // namespace

absl::StatusOr<Spawned> Spawn(const std::vector<std::string>& command,
                              const std::vector<std::string>& environment,
                              const std::string& log_file) {
  Pipe input;
  Pipe output;
  Pipe failure;
  if (!input.Open() || !output.Open() || !failure.Open()) return Failed("no pipe", errno);
  const std::string log_path = log_file.empty() ? "/dev/null" : log_file;
  const int log = open(log_path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kOwnerOnly);
  if (log < 0) return Failed(absl::StrCat("log_file ", log_path), errno);
  const absl::Cleanup close_log = [log] { close(log); };
  const std::vector<char*> arguments = Pointers(command);
  const std::vector<char*> variables = Pointers(environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return Failed("fork", errno);
  if (pid == 0) {
    Become(arguments.data(), variables.data(), input.read, output.write, log, failure.write,
           parent);
  }
  close(std::exchange(failure.write, -1));
  int error = 0;
  if (read(failure.read, &error, sizeof(error)) == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return Failed(command[0], error);
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return Failed("pidfd_open", errno);
  }
  fcntl(input.write, F_SETFL, O_NONBLOCK);
  fcntl(output.read, F_SETFL, O_NONBLOCK);
  return Spawned{.pid = pid,
                 .pidfd = pidfd,
                 .input = std::exchange(input.write, -1),
                 .output = std::exchange(output.read, -1)};
}

}  // namespace onetake
