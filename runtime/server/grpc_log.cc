#include "runtime/server/grpc_log.h"

#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/log.h"
#include "runtime/base/system_clock.h"

namespace onetake {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);
constexpr absl::string_view kNotAccepted = "Failed accept";

class GrpcLog {
 public:
  // Never destroyed: gRPC's threads outlive main().
  static GrpcLog& Get() {
    static auto* const log = new GrpcLog;
    return *log;
  }

  void set_on_deaf(std::function<void()> on_deaf) {
    absl::MutexLock lock(&mutex_);
    on_deaf_ = std::move(on_deaf);
  }

  void Take(const gpr_log_func_args& line) {
    if (absl::StartsWith(line.message, kNotAccepted)) OnDeaf();
    int64_t count = 0;
    {
      absl::MutexLock lock(&mutex_);
      ++untold_;
      const absl::Duration now = clock_.Elapsed();
      if (now < tell_after_) return;
      tell_after_ = now + kBetweenLines;
      count = std::exchange(untold_, 0);
    }
    const absl::string_view path = line.file;
    const std::string place = absl::StrCat(path.substr(path.rfind('/') + 1), ":", line.line);
    Log(LogLevel::kWarning, "grpc.error", {{LogField::kRule, place}, {LogField::kCount, count}});
  }

 private:
  void OnDeaf() {
    std::function<void()> on_deaf;
    {
      absl::MutexLock lock(&mutex_);
      on_deaf.swap(on_deaf_);
    }
    if (!on_deaf) return;
    Log(LogLevel::kError, "listen.failed",
        {{LogField::kAdvice,
          "no connection can be accepted any more, probably for want of file descriptors: raise "
          "LimitNOFILE, or find who opens so many; the process ends to be started again"}});
    on_deaf();
  }

  const SystemClock clock_{};
  absl::Mutex mutex_;
  std::function<void()> on_deaf_ ABSL_GUARDED_BY(mutex_);  // once
  int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration tell_after_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace

void TakeGrpcLog(std::function<void()> on_deaf) {
  GrpcLog::Get().set_on_deaf(std::move(on_deaf));
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function([](gpr_log_func_args* line) { GrpcLog::Get().Take(*line); });
}

}  // namespace onetake
