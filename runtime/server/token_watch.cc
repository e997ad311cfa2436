#include "runtime/server/token_watch.h"

#include <sys/stat.h>

#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {

TokenWatch::TokenWatch(Options options, Access& access, Scheduler& disk)
    : options_(std::move(options)), access_(access), disk_(disk) {}

TokenWatch::Stamp TokenWatch::StampOf() const {
  struct stat info {};
  if (stat(options_.path.c_str(), &info) != 0) return {};
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return {info.st_ino, info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec, info.st_size};
}

absl::Status TokenWatch::Read(const Stamp& stamp) {
  absl::StatusOr<std::vector<TokenRecord>> tokens = options_.read(options_.path);
  if (absl::IsNotFound(tokens.status())) tokens = std::vector<TokenRecord>();
  ONETAKE_RETURN_IF_ERROR(tokens.status());
  access_.SetTokens(*tokens);
  stamp_ = stamp;
  last_error_.clear();
  Log(LogLevel::kInfo, "access.tokens_loaded",
      {{LogField::kPath, options_.path}, {LogField::kCount, static_cast<int64_t>(tokens->size())}});
  if (tokens->empty()) {
    Log(LogLevel::kWarning, "access.no_tokens",
        {{LogField::kPath, options_.path},
         {LogField::kAdvice, "nobody can call by token until `onetake token create` makes one"}});
  }
  return absl::OkStatus();
}

absl::Status TokenWatch::Load() {
  if (options_.path.empty()) return absl::OkStatus();
  return Read(StampOf());
}

void TokenWatch::Start() {
  if (options_.path.empty()) return;
  disk_.Post([this] { LookLater(); });
}

void TokenWatch::LookLater() {
  disk_.RunAfter(kEvery, [this] { Look(); });
}

void TokenWatch::Look() {
  if (const Stamp stamp = StampOf(); stamp != stamp_) {
    const absl::Status status = Read(stamp);
    if (!status.ok() && status.message() != last_error_) {
      last_error_ = std::string(status.message());
      Log(LogLevel::kError, "access.tokens_refused",
          {{LogField::kError, std::string(status.message())},
           {LogField::kAdvice, "the tokens stay as they were, those too that were revoked since"}});
    }
  } else {
    last_error_.clear();  // the file that was read last is back
  }
  looks_.fetch_add(1, std::memory_order_relaxed);
  LookLater();
}

}  // namespace onetake
