#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/openapi/description.h"

namespace onetake {

// A path, query, header or cookie parameter, its references followed.
struct OpenApiParameter {
  enum class In { kPath, kQuery, kHeader, kCookie };
  enum class Presence { kOptional, kRequired };
  enum class Content { kPlain, kJson };  // kJson: the value is sent as its JSON text
  enum class Explode { kNo, kYes };

  std::string name;
  In in = In::kQuery;
  Presence presence = Presence::kOptional;
  std::string description;
  Json schema;        // as it stands in the description
  std::string style;  // "form", "simple" ...; the default of `in` when it is not given
  Explode explode = Explode::kNo;
  Content content = Content::kPlain;
};

// One operation with everything that its path and the description lend it.
struct OpenApiOperation {
  std::string method;  // upper case
  std::string path;    // "/v2/bookings/{booking_id}"
  std::string id;      // operationId; may be empty
  std::string summary;
  std::string description;
  Flag deprecated = Flag::kUnset;
  std::vector<OpenApiParameter> parameters;
  Json body;         // the request body object; null when there is none
  Json responses;    // status -> response object, as it stands in the description
  Json security;     // the list of alternatives in effect; null when none is given
  Json servers;      // the list in effect; null when none is given
  Json annotations;  // x-mcp-annotations; null when none are given
};

// An operation, or why it cannot be used.
struct FoundOperation {
  std::string method;
  std::string path;
  absl::StatusOr<OpenApiOperation> operation;
};

// All operations, in the order of their paths, then of the methods in the OpenAPI specification.
std::vector<FoundOperation> FindOperations(const OpenApiDescription& description);

}  // namespace onetake
