#include "tools/kit/example_arguments.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr int kDeepest = 8;

Json ExampleOf(const Json& schema, int depth);

// Makes a text of the format that is not too short.
std::string ExampleText(const Json& schema) {
  const std::string format = schema.value("format", "");
  std::string text = "example";
  if (format == "date-time") text = "2030-06-24T14:00:00Z";
  if (format == "date") text = "2030-06-24";
  if (format == "time") text = "14:00:00Z";
  if (format == "email") text = "caller@example.com";
  if (format == "uri") text = "https://example.com/";
  if (format == "uuid") text = "00000000-0000-4000-8000-000000000001";
  const size_t least = schema.value("minLength", size_t{0});
  const size_t most = schema.value("maxLength", text.size());
  if (text.size() < least) text.append(least - text.size(), 'x');
  return text.substr(0, std::max(most, least));
}

Json ExampleNumber(const Json& schema) {
  if (schema.contains("exclusiveMinimum")) return schema["exclusiveMinimum"].get<double>() + 1;
  if (schema.contains("minimum")) return schema["minimum"];
  if (schema.contains("maximum") && schema["maximum"] < Json(1)) return schema["maximum"];
  return 1;
}

Json ExampleObject(const Json& schema, int depth) {
  Json object = Json::object();
  if (!schema.contains("required") || depth == 0) return object;
  for (const Json& name : schema["required"]) {
    const Json properties = schema.value("properties", Json::object());
    object[name.get<std::string>()] =
        ExampleOf(properties.value(name.get<std::string>(), Json::object()), depth - 1);
  }
  return object;
}

Json ExampleOf(const Json& schema, int depth) {
  if (!schema.is_object()) return "example";
  for (const char* given : {"const", "default"}) {
    if (schema.contains(given)) return schema[given];
  }
  for (const char* given : {"examples", "enum"}) {
    if (schema.contains(given) && schema[given].is_array() && !schema[given].empty()) {
      return schema[given][0];
    }
  }
  Json type = schema.value("type", Json("string"));
  if (type.is_array()) type = type.empty() ? Json("string") : type[0];
  if (type == "object") return ExampleObject(schema, depth);
  if (type == "array") {
    Json list = Json::array();
    for (size_t i = schema.value("minItems", size_t{0}); i > 0 && depth > 0; --i) {
      list.push_back(ExampleOf(schema.value("items", Json::object()), depth - 1));
    }
    return list;
  }
  if (type == "integer" || type == "number") return ExampleNumber(schema);
  if (type == "boolean") return true;
  if (type == "null") return nullptr;
  return ExampleText(schema);
}

}  // namespace

absl::StatusOr<Json> ExampleArguments(const JsonSchema& schema) {
  Json example = ExampleOf(schema.document(), kDeepest);
  const std::vector<JsonSchema::Violation> violations = schema.Check(example);
  if (violations.empty()) return example;
  return absl::FailedPreconditionError(absl::StrCat(
      "no example can be made up for ", violations[0].path, ", which ", violations[0].reason,
      ": give its schema `examples`, or arguments that the tool may be tested with"));
}

}  // namespace onetake
