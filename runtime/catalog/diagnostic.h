#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

enum class Severity {
  kError,       // the catalog cannot be loaded
  kWarning,     // it works, and will hurt somebody
  kSuggestion,  // it could be better
};
absl::string_view ToString(Severity severity);  // "error", "warning", "suggestion"

// One thing to say about a manifest. Holds no value from the environment and no secret.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;         // from 1; 0: the whole file or folder
  int column = 0;       // from 1; 0: unknown
  std::string field;    // "http.method"; empty when it is about no field
  std::string message;  // what is wrong
  std::string advice;   // what would be right; may be empty
};

bool HasErrors(const std::vector<Diagnostic>& diagnostics);

// Sorts by file, then line, column and severity.
void SortDiagnostics(std::vector<Diagnostic>& diagnostics);

// Returns "tools.d/book.yaml:12: error: http.method: is required (one of GET, HEAD, POST ...)".
std::string FormatDiagnostic(const Diagnostic& diagnostic);
// Returns one diagnostic a line, each line ended.
std::string FormatDiagnostics(const std::vector<Diagnostic>& diagnostics);

// Returns an array of objects with the members of Diagnostic.
Json DiagnosticsToJson(const std::vector<Diagnostic>& diagnostics);

}  // namespace onetake
