#include "tools/openapi/schema_words.h"

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/json/schema.h"

namespace onetake {
namespace {

const std::map<absl::string_view, SchemaWord>& Words() {
  using W = SchemaWord;
  static const auto* const words = new std::map<absl::string_view, SchemaWord>{
      {"type", W::kKeep},
      {"description", W::kKeep},
      {"default", W::kKeep},
      {"enum", W::kKeep},
      {"const", W::kKeep},
      {"format", W::kKeep},
      {"minimum", W::kKeep},
      {"maximum", W::kKeep},
      {"exclusiveMinimum", W::kKeep},
      {"exclusiveMaximum", W::kKeep},
      {"multipleOf", W::kKeep},
      {"minLength", W::kKeep},
      {"maxLength", W::kKeep},
      {"minItems", W::kKeep},
      {"maxItems", W::kKeep},
      {"uniqueItems", W::kKeep},
      {"minProperties", W::kKeep},
      {"maxProperties", W::kKeep},
      {"required", W::kKeep},
      {"additionalProperties", W::kSchema},
      {"contains", W::kSchema},
      {"not", W::kSchema},
      {"if", W::kSchema},
      {"then", W::kSchema},
      {"else", W::kSchema},
      {"allOf", W::kSchemas},
      {"anyOf", W::kSchemas},
      {"oneOf", W::kSchemas},
      {"properties", W::kProperties},
      {"pattern", W::kPattern},
      {"dependentRequired", W::kDependencies},
      {"dependentSchemas", W::kDependencies},
      {"dependencies", W::kDependencies},
      {"prefixItems", W::kPrefixItems},
      {"items", W::kItems},
      {"patternProperties", W::kUncheckable},
      {"propertyNames", W::kUncheckable},
      {"unevaluatedProperties", W::kUncheckable},
      {"unevaluatedItems", W::kUncheckable},
      {"minContains", W::kUncheckable},
      {"maxContains", W::kUncheckable},
      {"additionalItems", W::kUncheckable},
      {"$dynamicRef", W::kRefused},
      {"$recursiveRef", W::kRefused},
  };
  return *words;
}

// In 3.0 it is { minimum: 5, exclusiveMinimum: true }; since draft 6, { exclusiveMinimum: 5 }.
void TidyBound(const char* inclusive, const char* exclusive, Json& out) {
  const auto flag = out.find(exclusive);
  if (flag == out.end() || !flag->is_boolean()) return;
  const bool excludes = flag->get<bool>();
  out.erase(exclusive);
  if (!excludes || !out.contains(inclusive)) return;
  out[exclusive] = out[inclusive];
  out.erase(inclusive);
}

}  // namespace

SchemaWord WordOf(absl::string_view keyword) {
  const auto found = Words().find(keyword);
  return found == Words().end() ? SchemaWord::kRemark : found->second;
}

bool IsUsablePattern(const Json& pattern) {
  return JsonSchema::Compile({{"type", "object"}, {"additionalProperties", {{"pattern", pattern}}}})
      .ok();
}

void TidySchema(const Json& schema, Json& out) {
  TidyBound("minimum", "exclusiveMinimum", out);
  TidyBound("maximum", "exclusiveMaximum", out);
  const auto required = out.find("required");
  if (required == out.end()) return;
  if (!required->is_array()) {  // of a property, as in older versions
    out.erase(required);
    return;
  }
  const Json described = schema.value("properties", Json::object());
  const Json left = out.value("properties", Json::object());
  Json names = Json::array();
  for (const Json& name : *required) {
    if (!name.is_string() || std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string text = name.get<std::string>();
    if (!described.contains(text) || left.contains(text)) names.push_back(name);
  }
  if (names.empty()) {
    out.erase("required");
  } else {
    out["required"] = std::move(names);
  }
}

Json Nullable(Json schema) {
  const auto values = schema.find("enum");
  if (values != schema.end() && values->is_array() &&
      std::find(values->begin(), values->end(), Json()) == values->end()) {
    values->push_back(nullptr);
  }
  const auto type = schema.find("type");
  if (type == schema.end()) {
    // Without a type the schema takes null already, unless something else stands against that.
    for (const char* keyword : {"$ref", "allOf", "anyOf", "oneOf"}) {
      if (schema.contains(keyword)) {
        return {{"anyOf", Json::array({std::move(schema), Json{{"type", "null"}}})}};
      }
    }
    return schema;
  }
  if (!type->is_array()) *type = Json::array({*type});
  if (std::find(type->begin(), type->end(), Json("null")) == type->end()) type->push_back("null");
  return schema;
}

}  // namespace onetake
