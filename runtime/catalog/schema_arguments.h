#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"
#include "runtime/json/path.h"

namespace onetake {

// What a JSON Schema says about the arguments, for checks of a manifest against it. Follows local
// `$ref`, allOf, anyOf, oneOf, then and else. `schema` must outlive this.
class SchemaArguments {
 public:
  explicit SchemaArguments(const Json& schema) : schema_(schema) {}

  using Steps = std::vector<JsonPath::Step>;

  // Whether a call may have a value there. An argument must be among `properties`; below an
  // argument whose schema names no members, anything may be.
  bool Declares(const Steps& steps) const;
  // Whether every call must have a value there.
  bool Requires(const Steps& steps) const;
  // Returns "string", "number" ... as far as the schema says; empty when it does not.
  std::set<std::string> Types(const Steps& steps) const;
  // All schemas of the value there: those that hold always and those that may.
  std::vector<const Json*> SchemasAt(const Steps& steps) const;
  // Whether a text there is one that the schema's author allowed: by a pattern, enum or const that
  // holds always, or by one in every branch of an anyOf or oneOf. What then and else say does not
  // count.
  bool BoundsText(const Steps& steps) const;
  // Names of the arguments, and of the members of what is there, sorted.
  std::vector<std::string> names() const { return NamesAt({}); }
  std::vector<std::string> NamesAt(const Steps& steps) const;
  std::vector<std::string> required() const;
  // Whether the schema refuses arguments that it does not name.
  bool is_closed() const;

 private:
  enum class Branches { kAll, kCertain };  // whether anyOf, oneOf, then and else count
  std::vector<const Json*> Flatten(const std::vector<const Json*>& schemas,
                                   Branches branches) const;

  const Json& schema_;
};

// Returns the steps of a hole {a.b} of a TextTemplate.
SchemaArguments::Steps StepsOfHole(absl::string_view dotted);

}  // namespace onetake
