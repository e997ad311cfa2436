#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/json/json.h"

// Headers of 2026-07-28 that repeat what stands in a request's body (SEP-2243). Pure.
namespace onetake {

// An argument that is repeated in a header, as its schema's "x-mcp-header" asks.
struct ToolHeader {
  std::vector<std::string> path;  // members on the way to the argument
  std::string name;               // "Mcp-Param-Region"
};

// The headers that an input schema asks for. INVALID_ARGUMENT when one is not as the specification
// wants it: a name that is empty, no token or there twice, or a type that is not string, integer or
// boolean. Such a tool may not be called.
absl::StatusOr<std::vector<ToolHeader>> ToolHeaders(const Json& input_schema);

using HeaderList = std::vector<std::pair<std::string, std::string>>;
// The headers for these arguments; those that are absent or null have none.
HeaderList ParamHeaders(const std::vector<ToolHeader>& headers, const Json& arguments);

// `text` as a header may hold it: as it is, or "=?base64?...?=" when it is not plain printable
// ASCII without space at its ends.
std::string HeaderValue(absl::string_view text);

}  // namespace onetake
