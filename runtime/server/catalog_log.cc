#include "runtime/server/catalog_log.h"

#include "runtime/base/log.h"

namespace onetake {
namespace {

LogLevel LevelOf(Severity severity) {
  switch (severity) {
    case Severity::kError: return LogLevel::kError;
    case Severity::kWarning: return LogLevel::kWarning;
    case Severity::kSuggestion: return LogLevel::kInfo;
  }
  return LogLevel::kError;
}

absl::string_view EventOf(ToolChange::Kind kind) {
  switch (kind) {
    case ToolChange::Kind::kAdded: return "catalog.tool_added";
    case ToolChange::Kind::kChanged: return "catalog.tool_changed";
    case ToolChange::Kind::kRemoved: return "catalog.tool_removed";
  }
  return "catalog.tool_changed";
}

}  // namespace

void LogDiagnostics(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) {
    Log(LevelOf(diagnostic.severity), "manifest.diagnostic",
        {{LogField::kPath, diagnostic.file},
         {LogField::kLine, int64_t{diagnostic.line}},
         {LogField::kError, diagnostic.field.empty()
                                ? diagnostic.message
                                : diagnostic.field + ": " + diagnostic.message},
         {LogField::kAdvice, diagnostic.advice}});
  }
}

void LogToolChanges(const std::vector<ToolChange>& changes) {
  for (const ToolChange& change : changes) {
    Log(LogLevel::kInfo, EventOf(change.kind),
        {{LogField::kTool, change.tool},
         {LogField::kVersion, change.version},
         {LogField::kPreviousVersion, change.previous}});
  }
}

}  // namespace onetake
