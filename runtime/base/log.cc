#include "runtime/base/log.h"

#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/base/line_writer.h"
#include "spdlog/details/log_msg_buffer.h"
#include "spdlog/sinks/base_sink.h"
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

// Standard error, for lines that nobody is to wait for.
class StandardError final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  int64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  void SetPatience(absl::Duration patience) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.set_patience(patience);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (untold_ > 0 && WriteLine(Note(message.time, untold_))) untold_ = 0;
    if (untold_ == 0 && WriteLine(message)) return;
    ++untold_;
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}

 private:
  using Message = spdlog::details::log_msg_buffer;  // owns its text
  static Message Note(spdlog::log_clock::time_point at, int64_t dropped) {
    const std::string text = absl::StrCat(R"("event":"log.dropped","count":)", dropped);
    return Message({at, {}, {}, spdlog::level::warn, {text.data(), text.size()}});
  }
  bool WriteLine(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    return lines_.Write({line.data(), line.size()});
  }

  LineWriter lines_{STDERR_FILENO, absl::InfiniteDuration()};
  int64_t untold_ = 0;
  std::atomic<int64_t> dropped_ = 0;
};

// Is never destroyed: threads may log until the process ends.
const std::shared_ptr<StandardError>& Sink() {
  static const auto& sink = *new auto(std::make_shared<StandardError>());
  return sink;
}

spdlog::logger& Logger() {
  static spdlog::logger& logger = *[] {
    auto* made = new spdlog::logger("onetake", Sink());
    made->set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                      spdlog::pattern_time_type::utc);
    return made;
  }();
  return logger;
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

void DropUnreadLogLines(absl::Duration patience) { Sink()->SetPatience(patience); }

int64_t DroppedLogLines() { return Sink()->dropped(); }

}  // namespace onetake
