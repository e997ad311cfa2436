#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/json/json.h"

namespace onetake {

// A compiled JSON Schema, draft 7 (valijson). Immutable, shareable between threads. `format` is an
// annotation only (draft 7 validation, section 7.2). Numbers compare by value: 30.0 is an integer,
// and what lies beyond a signed 64 bit integer is none. `pattern` is RE2's, which has no
// look-around and no back-references.
class JsonSchema {
 public:
  struct Violation {
    std::string path;      // the offending node's: "$.slot_iso"
    std::string reason;    // "is required", "must be a string"
    std::string expected;  // what would be right, from the schema: "string (format date-time)"; may
                           // be empty
    // The path with * for each name that is not the schema's but the value's own: "$.extra.*". It
    // can be kept where no part of the value may be.
    std::string shape;
  };

  // `$ref` may point inside the document only. INVALID_ARGUMENT, with the JSON pointer of the
  // fault, when the schema is malformed, its root does not describe an object, or something in it
  // would be ignored: an unknown keyword (remarks of your own begin with x-), one of a later draft,
  // patternProperties, propertyNames, or a neighbour of `$ref`.
  static absl::StatusOr<std::shared_ptr<const JsonSchema>> Compile(Json document);
  virtual ~JsonSchema() = default;

  // Empty when `value` conforms; one violation when finding out takes too long. At most 8, the most
  // specific first. They may quote member names and allowed values of the schema, never of `value`.
  virtual std::vector<Violation> Check(const Json& value) const = 0;

  virtual const Json& document() const = 0;
};

}  // namespace onetake
