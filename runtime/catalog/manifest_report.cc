#include "runtime/catalog/manifest_report.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

// A file of nonsense should not fill the terminal.
constexpr size_t kDiagnosticsMax = 100;

}  // namespace

void ManifestReport::Place(absl::string_view field, YamlMark mark) {
  marks_[std::string(field)] = mark;
}

void ManifestReport::Hide(absl::string_view field) { hidden_.emplace(field); }

std::string ManifestReport::Quote(absl::string_view field, absl::string_view text) const {
  constexpr size_t kQuotedMax = 60;
  if (Hides(field)) return "a value from the environment (not shown)";
  if (text.size() > kQuotedMax) return "a long text";
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text), "\"");
}

void ManifestReport::Error(absl::string_view field, absl::string_view message,
                           absl::string_view advice) {
  faulty_.emplace(field);
  Add(Severity::kError, field, Find(field), message, advice);
}

void ManifestReport::Warn(absl::string_view field, absl::string_view message,
                          absl::string_view advice) {
  Add(Severity::kWarning, field, Find(field), message, advice);
}

void ManifestReport::Suggest(absl::string_view field, absl::string_view message,
                             absl::string_view advice) {
  Add(Severity::kSuggestion, field, Find(field), message, advice);
}

void ManifestReport::Error(const YamlFault& fault) {
  Add(Severity::kError, "", fault.mark, fault.message, fault.advice);
}

bool ManifestReport::HasAtOrBelow(const std::set<std::string>& fields, absl::string_view field) {
  if (field.empty()) return !fields.empty();
  for (auto at = fields.lower_bound(std::string(field)); at != fields.end(); ++at) {
    if (!absl::StartsWith(*at, field)) return false;
    if (at->size() == field.size()) return true;
    if ((*at)[field.size()] == '.' || (*at)[field.size()] == '[') return true;
  }
  return false;
}

void ManifestReport::Add(Severity severity, absl::string_view field, YamlMark mark,
                         absl::string_view message, absl::string_view advice) {
  if (severity == Severity::kError) has_errors_ = true;
  if (diagnostics_.size() > kDiagnosticsMax) return;
  if (diagnostics_.size() == kDiagnosticsMax) {
    message = "has more faults than are shown";
    advice = "";
  }
  diagnostics_.push_back({.severity = severity,
                          .file = file_,
                          .line = mark.line,
                          .column = mark.column,
                          .field = std::string(field),
                          .message = std::string(message),
                          .advice = std::string(advice)});
}

// The place of the field, or of the nearest thing around it that is in the file.
YamlMark ManifestReport::Find(absl::string_view field) const {
  while (!field.empty()) {
    if (const auto found = marks_.find(std::string(field)); found != marks_.end()) {
      return found->second;
    }
    const size_t end = field.find_last_of(".[");
    field = end == absl::string_view::npos ? absl::string_view() : field.substr(0, end);
  }
  const auto root = marks_.find("");
  return root == marks_.end() ? YamlMark{} : root->second;
}

std::string FieldPath(absl::string_view field, absl::string_view name) {
  return field.empty() ? std::string(name) : absl::StrCat(field, ".", name);
}

std::string FieldPath(absl::string_view field, size_t index) {
  return absl::StrCat(field, "[", index, "]");
}

}  // namespace onetake
