#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/variant.h"

namespace onetake {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// The only fields a log line may carry: identifiers, enum names, numbers and our own texts. No
// argument, result, header or secret has a field, so none can be logged.
enum class LogField {
  kTool,
  kSession,
  kIntent,
  kKey,
  kGeneration,
  kAttempt,
  kState,
  kDisposition,
  kFailure,
  kHttpStatus,
  kRule,
  kError,
  kPath,
  kAddress,
  kCount,
  kDurationMs,
  kVersion,
  kPreviousVersion,
  kPid,
  kSignal,
  kLine,
  kAdvice,
  kTrigger,
};

struct LogValue {
  LogField field;
  absl::variant<std::string, int64_t> value;
};

// Writes one JSON object a line to standard error: {"ts":…,"level":…,"event":…,fields…}.
// Thread-safe. `event` is a constant like "server.started"; names are dotted, lower case.
void Log(LogLevel level, absl::string_view event, std::initializer_list<LogValue> fields);
void SetLogLevel(LogLevel level);

// From now on nobody waits for longer than `patience` when nobody reads standard error: lines are
// dropped then, at once, until somebody does. The first one after that is `log.dropped`, with their
// count. Without this, Log() waits. Thread-safe.
void DropUnreadLogLines(absl::Duration patience);
// How many were dropped. Thread-safe.
int64_t DroppedLogLines();

}  // namespace onetake
