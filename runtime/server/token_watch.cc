#include "runtime/server/token_watch.h"

#include <sys/stat.h>

#include <utility>
#include <vector>

#include "runtime/access/token_file.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {

TokenWatch::TokenWatch(std::string path, Access& access, Scheduler& loop, OnLooked on_looked)
    : path_(std::move(path)), access_(access), loop_(loop), on_looked_(std::move(on_looked)) {}

TokenWatch::Stamp TokenWatch::StampOf() const {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0) return {};
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return {info.st_ino, info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec, info.st_size};
}

absl::Status TokenWatch::Read(const Stamp& stamp) {
  absl::StatusOr<std::vector<TokenRecord>> tokens = ReadTokenFile(path_);
  if (absl::IsNotFound(tokens.status())) tokens = std::vector<TokenRecord>();
  ONETAKE_RETURN_IF_ERROR(tokens.status());
  access_.SetTokens(*tokens);
  stamp_ = stamp;
  last_error_.clear();
  Log(LogLevel::kInfo, "access.tokens_loaded",
      {{LogField::kPath, path_}, {LogField::kCount, static_cast<int64_t>(tokens->size())}});
  return absl::OkStatus();
}

absl::Status TokenWatch::Load() {
  if (path_.empty()) return absl::OkStatus();
  const Stamp stamp = StampOf();
  if (stamp == Stamp()) {
    Log(LogLevel::kWarning, "access.no_tokens",
        {{LogField::kPath, path_},
         {LogField::kAdvice, "nobody can call by token until `onetake token create` makes one"}});
  }
  return Read(stamp);
}

void TokenWatch::Start() {
  if (path_.empty()) return;
  loop_.RunAfter(kEvery, [this] { Look(); });
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
  }
  if (on_looked_) on_looked_();
  Start();
}

}  // namespace onetake
