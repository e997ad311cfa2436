#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/openapi/operation.h"

namespace onetake {

// Checks that manifests can place the parameter: a text in the path or a header, a text, list or
// object in the query in a style they have. `schema` is its schema, converted. INVALID_ARGUMENT
// with the name and the reason otherwise.
absl::Status CheckParameter(const OpenApiParameter& parameter, const Json& schema);

// The style of `http.styles` that writes a list or object of this query parameter; empty for the
// default, and for single values.
std::string StyleOfParameter(const OpenApiParameter& parameter, const Json& schema);

// The same for a form's field, by the encodings of its media type (name -> encoding object, or
// null). Objects without one are JSON texts, as OpenAPI has it. INVALID_ARGUMENT when there is no
// such style.
absl::StatusOr<std::string> StyleOfField(const std::string& name, const Json& schema,
                                         const Json& encoding);

// Whether the schema describes an object with named members and says nothing else about them, so
// that they can be arguments.
bool HasPlainMembers(const Json& schema);

}  // namespace onetake
