#include "runtime/base/log.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace onetake {
namespace {

absl::string_view Name(LogField field) {
  switch (field) {
    case LogField::kTool: return "tool";
    case LogField::kSession: return "session";
    case LogField::kIntent: return "intent";
    case LogField::kKey: return "key";
    case LogField::kGeneration: return "generation";
    case LogField::kAttempt: return "attempt";
    case LogField::kState: return "state";
    case LogField::kDisposition: return "disposition";
    case LogField::kFailure: return "failure";
    case LogField::kHttpStatus: return "http_status";
    case LogField::kRule: return "rule";
    case LogField::kError: return "error";
    case LogField::kPath: return "path";
    case LogField::kAddress: return "address";
    case LogField::kCount: return "count";
    case LogField::kDurationMs: return "duration_ms";
    case LogField::kVersion: return "version";
    case LogField::kPreviousVersion: return "previous_version";
    case LogField::kPid: return "pid";
    case LogField::kSignal: return "signal";
    case LogField::kLine: return "line";
    case LogField::kAdvice: return "advice";
    case LogField::kTrigger: return "trigger";
  }
  return "field";
}

std::string Quote(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("onetake",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                      spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void Log(LogLevel level, absl::string_view event, std::initializer_list<LogValue> fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(ToSpdlog(level))) return;
  std::string line = absl::StrCat("\"event\":", Quote(event));
  for (const LogValue& entry : fields) {
    absl::StrAppend(&line, ",\"", Name(entry.field), "\":");
    if (const auto* text = absl::get_if<std::string>(&entry.value)) {
      absl::StrAppend(&line, Quote(*text));
    } else {
      absl::StrAppend(&line, absl::get<int64_t>(entry.value));
    }
  }
  logger.log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void SetLogLevel(LogLevel level) { Logger().set_level(ToSpdlog(level)); }

}  // namespace onetake
