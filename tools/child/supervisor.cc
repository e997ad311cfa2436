#include "tools/child/supervisor.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"

namespace onetake {
namespace {

constexpr absl::Duration kStopGrace = absl::Seconds(2);
constexpr int kMostDoublings = 16;

}  // namespace

absl::Duration RestartPause(int failures, absl::Duration base, absl::Duration cap, Random& random) {
  const absl::Duration longest =
      std::min(cap, base * (1 << std::clamp(failures - 1, 0, kMostDoublings)));
  // Half of the pause is left to chance, so that many children do not start at once.
  return longest / 2 + longest / 2 * (static_cast<double>(random.Next() >> 11) * 0x1.0p-53);
}

Supervisor::Supervisor(EventLoop& loop, const Clock& clock, Random& random, Options options)
    : loop_(loop), clock_(clock), random_(random), options_(std::move(options)) {}

Supervisor::~Supervisor() {
  lifetime_.End();
  loop_.Cancel(timer_);
}

void Supervisor::Start() { Launch(); }

void Supervisor::Restart() {
  if (child_ != nullptr) child_->Stop(kStopGrace);
}

void Supervisor::Launch() {
  timer_ = Scheduler::TimerId::kNone;
  started_ = clock_.Elapsed();
  absl::StatusOr<std::vector<std::string>> environment = options_.environment();
  if (!environment.ok()) return OnDown(std::string(environment.status().message()));
  ChildProcess::Options options{.command = options_.command,
                                .environment = *std::move(environment),
                                .log_file = options_.log_file,
                                .line_bytes = options_.line_bytes,
                                .long_line = options_.long_line,
                                .on_line = options_.on_line};
  if (options_.needs_pipes) {
    options.on_closed = [this](const std::string& what) {
      Log(LogLevel::kWarning, "child.closed",
          {{LogField::kTool, options_.name}, {LogField::kError, what}});
      Restart();
    };
  }
  // The child is not destroyed inside its own call.
  options.on_exit = [this](std::string how) {
    loop_.Post(lifetime_.While([this, how = std::move(how)] {
      child_.reset();
      OnDown(how);
    }));
  };
  absl::StatusOr<std::unique_ptr<ChildProcess>> child =
      ChildProcess::Start(loop_, std::move(options));
  if (!child.ok()) return OnDown(std::string(child.status().message()));
  child_ = *std::move(child);
  Log(LogLevel::kInfo, "child.started",
      {{LogField::kTool, options_.name}, {LogField::kPid, int64_t{child_->pid()}}});
  options_.on_start();
}

void Supervisor::OnDown(const std::string& how) {
  const absl::Duration lived = clock_.Elapsed() - started_;
  failures_ = lived >= options_.stable ? 1 : failures_ + 1;
  const absl::Duration pause = RestartPause(failures_, options_.base, options_.cap, random_);
  Log(LogLevel::kWarning, "child.down",
      {{LogField::kTool, options_.name},
       {LogField::kError, how},
       {LogField::kCount, int64_t{failures_}},
       {LogField::kDurationMs, absl::ToInt64Milliseconds(pause)}});
  options_.on_down(how);
  timer_ = loop_.RunAfter(pause, lifetime_.While([this] { Launch(); }));
}

std::vector<std::string> PlainEnvironment() {
  std::vector<std::string> environment;
  for (const char* name : {"PATH", "HOME", "LANG", "TZ", "TMPDIR"}) {
    if (const char* value = std::getenv(name))
      environment.push_back(absl::StrCat(name, "=", value));
  }
  return environment;
}

}  // namespace onetake
