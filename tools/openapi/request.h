#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/openapi/operation.h"
#include "tools/openapi/schema_graph.h"

namespace onetake {

// Where the operation takes an idempotency key, and what its description says about it.
struct DocumentedKey {
  enum class Place { kHeader, kBody };
  Place place = Place::kHeader;
  std::string name;
  std::string description;
  std::string format;  // of its schema; may be empty
};

// The request of one operation, as a manifest says it.
struct RequestPlan {
  Json schema;                                 // of the arguments: draft 7, its root closed
  std::string path;                            // with {arguments}, and ${VARIABLES} of `fixed`
  std::vector<std::string> path_arguments;     // as the description orders them
  std::map<std::string, std::string> query;    // name -> JsonPath
  std::map<std::string, std::string> styles;   // names of the manifest's `http.styles`
  std::map<std::string, std::string> headers;  // name -> text with {arguments}
  std::optional<Json> body;
  std::optional<Json> form;
  std::optional<DocumentedKey> key;  // not among the arguments
  std::vector<std::string> notes;    // what a person should know
};

// Whether to look for an idempotency key: in WRITEs.
enum class KeySearch { kNo, kYes };

// INVALID_ARGUMENT, with the reason, when a manifest cannot express the request. What may be left
// out and cannot be expressed is left out and noted. `fixed` holds the path parameters that are no
// arguments, and what stands there instead.
absl::StatusOr<RequestPlan> PlanRequest(const OpenApiDescription& description, SchemaGraph& graph,
                                        const OpenApiOperation& operation, KeySearch keys,
                                        const std::map<std::string, std::string>& fixed);

}  // namespace onetake
