#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// How the bytes of a name or value are written.
enum class ParameterCoding {
  kQuery,  // all but the unreserved characters of RFC 3986, section 2.3, as %XX
  kForm,   // application/x-www-form-urlencoded as the URL standard serialises it
};
std::string EncodeParameter(absl::string_view text, ParameterCoding coding);

// One parameter with its name, in `style` when the value is a list or object.
struct Parameter {
  absl::string_view name;
  const Json& value;
  ParameterStyle style;
};
// Appends the parameter to `out` as "name=value" pieces, "&" between them. Null and an empty list
// leave it out. INVALID_ARGUMENT, and then `out` is of no use, when the style cannot write the
// value: an object in a style of lists, a list in a list.
absl::Status AppendParameter(const Parameter& parameter, ParameterCoding coding, std::string& out);

}  // namespace onetake
