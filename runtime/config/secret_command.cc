#include "runtime/config/secret_command.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/base/status.h"
#include "runtime/base/system_clock.h"

extern char** environ;

namespace onetake {
namespace {

constexpr size_t kMostBytes = 4096;

absl::Status CommandError(const std::string& program, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("the command ", program, " ", what));
}

// Starts the command. Its standard output goes to `out`; it starts with no signal blocked or
// ignored.
absl::StatusOr<pid_t> Start(const std::vector<std::string>& command, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  const auto clean = absl::MakeCleanup([&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  });
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int code =
      posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  if (code != 0) {
    return CommandError(command[0], absl::StrCat("cannot be started: ", std::strerror(code)));
  }
  return pid;
}

// What it may take is measured by a clock that nobody sets: at boot the other one jumps.
absl::Duration Elapsed() { return SystemClock().Elapsed(); }

// Reads until the end, `deadline`, or one byte too many.
absl::StatusOr<std::string> ReadAll(int file, absl::Duration deadline, const std::string& program) {
  std::string text;
  std::array<char, kMostBytes> buffer{};
  const auto wipe = absl::MakeCleanup([&] { OPENSSL_cleanse(buffer.data(), buffer.size()); });
  text.reserve(2 * kMostBytes);  // so that growing leaves no copy of the secret behind
  for (;;) {
    const absl::Duration left = deadline - Elapsed();
    if (left <= absl::ZeroDuration()) return CommandError(program, "took too long");
    pollfd ready{.fd = file, .events = POLLIN, .revents = 0};
    const int count = poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (count < 0 && errno != EINTR) return CommandError(program, "cannot be read");
    if (count <= 0) continue;
    const ssize_t got = read(file, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CommandError(program, "cannot be read");
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.size() > kMostBytes) return CommandError(program, "says too much for a key");
  }
}

bool EndsBy(pid_t pid, absl::Duration deadline) {
  for (;;) {
    siginfo_t info{};
    const int code = waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (code == 0 && info.si_pid == pid) return true;
    if (code != 0 && errno != EINTR) return false;
    if (Elapsed() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
}

}  // namespace

absl::StatusOr<Secret> ReadSecretFromCommand(const std::vector<std::string>& command,
                                             absl::Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return CommandError(command[0], "cannot be started: no pipe");
  absl::StatusOr<pid_t> pid = Start(command, ends[1]);
  close(ends[1]);
  const auto close_end = absl::MakeCleanup([&] { close(ends[0]); });
  ONETAKE_RETURN_IF_ERROR(pid.status());
  const absl::Duration deadline = Elapsed() + limit;
  absl::StatusOr<std::string> text = ReadAll(ends[0], deadline, command[0]);
  // A program whose output was read to its end may still run.
  if (!text.ok() || !EndsBy(*pid, deadline)) kill(*pid, SIGKILL);
  int how = 0;
  while (waitpid(*pid, &how, 0) < 0 && errno == EINTR) {
  }
  ONETAKE_RETURN_IF_ERROR(text.status());
  Secret secret(*std::move(text));
  if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return secret;
  return CommandError(command[0], WIFEXITED(how)
                                      ? absl::StrCat("ended with status ", WEXITSTATUS(how))
                                      : absl::StrCat("ended by signal ", WTERMSIG(how)));
}

}  // namespace onetake
