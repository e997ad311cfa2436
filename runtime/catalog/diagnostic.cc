#include "runtime/catalog/diagnostic.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace onetake {

absl::string_view ToString(Severity severity) {
  switch (severity) {
    case Severity::kError: return "error";
    case Severity::kWarning: return "warning";
    case Severity::kSuggestion: return "suggestion";
  }
  return "";
}

bool HasErrors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Severity::kError;
  });
}

void SortDiagnostics(std::vector<Diagnostic>& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.file, a.line, a.column, a.severity) <
                            std::tie(b.file, b.line, b.column, b.severity);
                   });
}

std::string FormatDiagnostic(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.line > 0) absl::StrAppend(&text, ":", diagnostic.line);
  absl::StrAppend(&text, ": ", ToString(diagnostic.severity), ": ");
  if (!diagnostic.field.empty()) absl::StrAppend(&text, diagnostic.field, ": ");
  absl::StrAppend(&text, diagnostic.message);
  if (!diagnostic.advice.empty()) absl::StrAppend(&text, " (", diagnostic.advice, ")");
  return text;
}

std::string FormatDiagnostics(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    absl::StrAppend(&text, FormatDiagnostic(diagnostic), "\n");
  }
  return text;
}

Json DiagnosticsToJson(const std::vector<Diagnostic>& diagnostics) {
  Json array = Json::array();
  for (const Diagnostic& diagnostic : diagnostics) {
    array.push_back({{"severity", std::string(ToString(diagnostic.severity))},
                     {"file", diagnostic.file},
                     {"line", diagnostic.line},
                     {"column", diagnostic.column},
                     {"field", diagnostic.field},
                     {"message", diagnostic.message},
                     {"advice", diagnostic.advice}});
  }
  return array;
}

}  // namespace onetake
