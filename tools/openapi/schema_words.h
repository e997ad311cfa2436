#pragma once

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

// The words of OpenAPI's schemas, one by one. Pure.
namespace onetake {

// How a keyword is converted.
enum class SchemaWord {
  kKeep,          // as it is
  kSchema,        // a schema below
  kSchemas,       // a list of schemas below
  kProperties,    //
  kPattern,       // kept when our checker takes it
  kDependencies,  // of 2019-09: one of the two that draft 7 has as `dependencies`
  kPrefixItems,   // of 2020-12: the list form of `items`
  kItems,         //
  kRemark,        // left out: it asks for nothing, or is read elsewhere
  kUncheckable,   // left out: it asks for something that is not checked here
  kRefused,       // without it the schema would be another one
};
SchemaWord WordOf(absl::string_view keyword);

// Whether JsonSchema takes this regular expression.
bool IsUsablePattern(const Json& pattern);

// Converts what needs more than one keyword: the booleans exclusiveMinimum and exclusiveMaximum of
// 3.0, and a `required` that names what is not there any more. `schema` as described, `out`
// converted.
void TidySchema(const Json& schema, Json& out);

// Returns the schema that takes null too.
Json Nullable(Json schema);

}  // namespace onetake
