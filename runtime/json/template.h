#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/json/json.h"
#include "runtime/json/path.h"

namespace onetake {

// A text with holes: "/appointments/{appointment_id}/notes/{note.id}". `{{` and `}}` are literal
// braces. A hole is a dotted path below the root of the arguments.
class TextTemplate {
 public:
  struct Part {
    std::string literal;  // when `path` is empty
    std::string path;     // dotted, as written
  };

  static absl::StatusOr<TextTemplate> Parse(absl::string_view text);

  const std::vector<Part>& parts() const { return parts_; }
  // The top-level arguments that the template reads, in order of first appearance.
  std::vector<std::string> Arguments() const;

  // Whether the template is one hole alone for which `arguments` has nothing or null.
  bool IsAbsentIn(const Json& arguments) const;

  // Replaces holes by `escape(value)`. Strings are taken as they are, numbers and booleans in JSON
  // form. A missing, null, array or object value is INVALID_ARGUMENT naming the hole.
  using Escape = absl::StatusOr<std::string> (*)(absl::string_view value);
  absl::StatusOr<std::string> Render(const Json& arguments, Escape escape) const;

 private:
  std::vector<Part> parts_;
};

// A JSON value with holes: a string that is `$` or begins with `$.` or `$[` is a JsonPath into the
// arguments; `$$` at the start of a string is a literal `$`. Object members whose path finds
// nothing are left out (an optional argument that was not given); array elements become null.
class JsonTemplate {
 public:
  static absl::StatusOr<JsonTemplate> Parse(Json value);

  // The top-level arguments that the template reads.
  std::vector<std::string> Arguments() const;
  Json Render(const Json& arguments) const;
  const Json& source() const { return value_; }

 private:
  Json value_;
};

}  // namespace onetake
