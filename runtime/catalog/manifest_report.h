#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/diagnostic.h"
#include "runtime/catalog/yaml_tree.h"

namespace onetake {

// Collects what is to be said about one manifest, and knows where its fields stand. Fields are
// named by their path: "http.headers.X-Clinic", "intent.scope[0]"; the manifest itself is "".
class ManifestReport {
 public:
  explicit ManifestReport(absl::string_view file) : file_(file) {}

  // Makes later messages about `field`, and about fields below it that have no place, point to
  // `mark`.
  void Place(absl::string_view field, YamlMark mark);

  // Notes that the value of `field` has something of the environment in it, which no message may
  // show.
  void Hide(absl::string_view field);
  // Returns `text` in quotes, or words instead of it when the value of `field` is hidden.
  std::string Quote(absl::string_view field, absl::string_view text) const;
  // Whether the value of `field`, or of something below it, is hidden.
  bool Hides(absl::string_view field) const { return HasAtOrBelow(hidden_, field); }

  void Error(absl::string_view field, absl::string_view message, absl::string_view advice);
  void Warn(absl::string_view field, absl::string_view message, absl::string_view advice);
  void Suggest(absl::string_view field, absl::string_view message, absl::string_view advice);
  void Error(const YamlFault& fault);

  // Notes that the absence of `field` is explained by an error that was reported elsewhere: a
  // misspelt name.
  void Excuse(absl::string_view field) { faulty_.emplace(field); }

  bool has_errors() const { return has_errors_; }
  // Whether `field`, or something below it, has an error: then its absence is no second one.
  bool HasErrorAt(absl::string_view field) const { return HasAtOrBelow(faulty_, field); }
  const std::string& file() const { return file_; }
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  void Add(Severity severity, absl::string_view field, YamlMark mark, absl::string_view message,
           absl::string_view advice);
  YamlMark Find(absl::string_view field) const;
  static bool HasAtOrBelow(const std::set<std::string>& fields, absl::string_view field);

  const std::string file_;
  std::map<std::string, YamlMark> marks_;
  std::vector<Diagnostic> diagnostics_;
  std::set<std::string> faulty_;  // fields with an error
  std::set<std::string> hidden_;
  bool has_errors_ = false;
};

// The path of what is below `field`.
std::string FieldPath(absl::string_view field, absl::string_view name);
std::string FieldPath(absl::string_view field, size_t index);

}  // namespace onetake
