#include "runtime/server/grpc_log.h"

#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/log.h"
#include "runtime/base/system_clock.h"

namespace onetake {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);

class GrpcLog {
 public:
  // Never destroyed: gRPC's threads outlive main().
  static GrpcLog& Get() {
    static auto* const log = new GrpcLog;
    return *log;
  }

  void Take(const gpr_log_func_args& line) {
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
  const SystemClock clock_{};
  absl::Mutex mutex_;
  int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration tell_after_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace

void TakeGrpcLog() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function([](gpr_log_func_args* line) { GrpcLog::Get().Take(*line); });
}

}  // namespace onetake
