#include "tools/openapi/schema_merge.h"

#include <algorithm>
#include <string>
#include <utility>

namespace onetake {
namespace {

bool Is(const std::string& keyword, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return keyword == name; });
}

Json ListOf(const Json& value) { return value.is_array() ? value : Json::array({value}); }

// The types that are in both; integer is within number.
std::optional<Json> MergeTypes(const Json& first, const Json& second) {
  const Json others = ListOf(second);
  const auto has = [](const Json& list, const char* name) {
    return std::find(list.begin(), list.end(), Json(name)) != list.end();
  };
  Json both = Json::array();
  for (const Json& type : ListOf(first)) {
    if (std::find(others.begin(), others.end(), type) != others.end()) {
      both.push_back(type);
    } else if (type == "number" && has(others, "integer")) {
      both.push_back("integer");
    } else if (type == "integer" && has(others, "number")) {
      both.push_back("integer");
    }
  }
  if (both.empty()) return std::nullopt;
  return both.size() == 1 ? both[0] : both;
}

std::optional<Json> Common(const Json& first, const Json& second) {
  if (!first.is_array() || !second.is_array()) return std::nullopt;
  Json both = Json::array();
  for (const Json& value : first) {
    if (std::find(second.begin(), second.end(), value) != second.end()) both.push_back(value);
  }
  return both.empty() ? std::nullopt : std::optional<Json>(std::move(both));
}

std::optional<Json> Union(const Json& first, const Json& second) {
  if (!first.is_array() || !second.is_array()) return std::nullopt;
  Json all = first;
  for (const Json& value : second) {
    if (std::find(all.begin(), all.end(), value) == all.end()) all.push_back(value);
  }
  return all;
}

Json MergeProperties(const Json& first, const Json& second) {
  Json all = first;
  for (const auto& [name, schema] : second.items()) {
    if (!all.contains(name)) {
      all[name] = schema;
      continue;
    }
    std::optional<Json> merged = MergeSchemas(all[name], schema);
    all[name] =
        merged.has_value() ? *std::move(merged) : Json{{"allOf", Json::array({all[name], schema})}};
  }
  return all;
}

std::optional<Json> MergeKeyword(const std::string& keyword, const Json& first,
                                 const Json& second) {
  if (first == second || Is(keyword, {"description", "default", "format"})) return first;
  if (keyword == "type") return MergeTypes(first, second);
  if (keyword == "enum") return Common(first, second);
  if (keyword == "required") return Union(first, second);
  if (keyword == "properties") return MergeProperties(first, second);
  if (keyword == "additionalProperties" && (first == Json(false) || second == Json(false))) {
    return Json(false);
  }
  const bool numbers = first.is_number() && second.is_number();
  if (numbers && Is(keyword, {"minimum", "exclusiveMinimum", "minLength", "minItems"})) {
    return std::max(first, second);
  }
  if (numbers && Is(keyword, {"maximum", "exclusiveMaximum", "maxLength", "maxItems"})) {
    return std::min(first, second);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Json> MergeSchemas(const Json& first, const Json& second) {
  if (first == second) return first;
  if (!first.is_object() || !second.is_object()) return std::nullopt;
  // In draft 7 nothing counts beside a reference.
  if ((first.contains("$ref") && !second.empty()) || (second.contains("$ref") && !first.empty())) {
    return std::nullopt;
  }
  Json merged = first;
  for (const auto& [keyword, value] : second.items()) {
    if (!merged.contains(keyword)) {
      merged[keyword] = value;
      continue;
    }
    std::optional<Json> both = MergeKeyword(keyword, merged[keyword], value);
    if (!both.has_value()) return std::nullopt;
    merged[keyword] = *std::move(both);
  }
  return merged;
}

Json WithMergedAllOf(Json schema) {
  const auto all_of = schema.find("allOf");
  if (all_of == schema.end() || !all_of->is_array()) return schema;
  const Json parts = std::move(*all_of);
  schema.erase("allOf");
  Json left = Json::array();
  for (const Json& part : parts) {
    std::optional<Json> merged = MergeSchemas(schema, part);
    if (merged.has_value()) {
      schema = *std::move(merged);
    } else {
      left.push_back(part);
    }
  }
  if (!left.empty()) schema["allOf"] = std::move(left);
  return schema;
}

}  // namespace onetake
