#include "tools/openapi/plain_schema.h"

#include <utility>

#include "runtime/base/status.h"
#include "runtime/json/schema.h"
#include "tools/openapi/schema_convert.h"

namespace onetake {
namespace {

absl::StatusOr<PlainSchema> Convert(const OpenApiDescription& description, SchemaGraph& graph,
                                    SchemaConverter::References references) {
  SchemaConverter converter(description, graph, references);
  ONETAKE_ASSIGN_OR_RETURN(Json schema, converter.Convert(description.root()));
  ONETAKE_ASSIGN_OR_RETURN(Json definitions, converter.Definitions());
  if (!schema.is_object()) return absl::InvalidArgumentError("the schema is of no object");
  if (!definitions.empty()) schema["definitions"] = std::move(definitions);
  ONETAKE_RETURN_IF_ERROR(JsonSchema::Compile(schema).status());
  return PlainSchema{std::move(schema), {converter.notes().begin(), converter.notes().end()}};
}

}  // namespace

absl::StatusOr<PlainSchema> ConvertPlainSchema(const Json& schema) {
  using References = SchemaConverter::References;
  const OpenApiDescription description = OpenApiDescription::OfSchema(schema);
  SchemaGraph graph(description);
  absl::StatusOr<PlainSchema> converted = Convert(description, graph, References::kInline);
  if (!absl::IsResourceExhausted(converted.status())) return converted;
  return Convert(description, graph, References::kDefinitions);
}

}  // namespace onetake
