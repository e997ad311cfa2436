#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/openapi/description.h"
#include "tools/openapi/schema_graph.h"

namespace onetake {

// Converts schemas of a description (OpenAPI 3.0: a subset of JSON Schema with words of its own;
// 3.1: draft 2020-12) to draft 7, for the arguments of one tool. References are put in where they
// stand; a schema that holds itself becomes one of the definitions. What draft 7 or our checker
// cannot say makes the schema looser, never stricter, and is noted. Read-only properties are left
// out.
class SchemaConverter {
 public:
  // How references to schemas that do not hold themselves are written.
  enum class References {
    kInline,
    kDefinitions,  // shorter, for what would be too big inline
  };

  // Both must outlive this.
  SchemaConverter(const OpenApiDescription& description, SchemaGraph& graph, References references)
      : description_(description), graph_(graph), references_(references) {}

  // INVALID_ARGUMENT: the schema cannot be used. RESOURCE_EXHAUSTED: it is too big or too deep, and
  // kDefinitions may help.
  absl::StatusOr<Json> Convert(const Json& schema);
  // Returns what the references of all converted schemas lead to: name -> schema.
  absl::StatusOr<Json> Definitions();

  const std::set<std::string>& notes() const { return notes_; }

 private:
  absl::StatusOr<Json> At(const Json& schema, int depth);
  absl::StatusOr<Json> Reference(const Json& schema, int depth);
  absl::StatusOr<Json> Object(const Json& schema, int depth);
  absl::Status Keyword(const Json& schema, const std::string& keyword, int depth, Json& out);
  absl::Status Properties(const Json& schema, int depth, Json& out);
  absl::Status SchemaMap(const Json& map, const std::string& name, int depth, Json& out);
  absl::Status SchemaList(const Json& list, const std::string& name, int depth, Json& out);
  std::string DefinitionName(const std::string& reference);
  void Loosen(const std::string& keyword);
  // Of `keyword`, below which something was loosened: keeps the whole from getting stricter by it.
  void LoosenAround(const std::string& keyword, Json& out);

  const OpenApiDescription& description_;
  SchemaGraph& graph_;
  const References references_;
  std::map<std::string, std::string> definition_names_;  // by reference
  std::vector<std::string> waiting_;                     // references without a definition yet
  std::set<std::string> notes_;
  size_t loosened_ = 0;  // how often; a note says so once
  size_t schemas_ = 0;
};

}  // namespace onetake
