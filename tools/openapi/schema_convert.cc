#include "tools/openapi/schema_convert.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tools/openapi/schema_merge.h"
#include "tools/openapi/schema_words.h"

namespace onetake {
namespace {

constexpr size_t kSchemasMax = 2000;
constexpr int kDepthMax = 24;  // of schemas within schemas; each is two levels of JSON or more

absl::Status Wrong(absl::string_view keyword, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the schema's ", keyword, " ", what));
}

}  // namespace

void SchemaConverter::Loosen(const std::string& keyword) {
  ++loosened_;
  notes_.insert(absl::StrCat("the schema's ", keyword, " is not checked here"));
}

void SchemaConverter::LoosenAround(const std::string& keyword, Json& out) {
  if (keyword == "not" || keyword == "if") {
    out.erase(keyword);
    Loosen(keyword);
  } else if (keyword == "oneOf") {  // more than one may fit now
    Json any{{"anyOf", std::move(out["oneOf"])}};
    out.erase("oneOf");
    Loosen(keyword);
    if (out.contains("anyOf")) {
      out["allOf"].push_back(std::move(any));
    } else {
      out.update(any);
    }
  }
}

absl::StatusOr<Json> SchemaConverter::Convert(const Json& schema) { return At(schema, 0); }

absl::StatusOr<Json> SchemaConverter::Definitions() {
  Json definitions = Json::object();
  while (!waiting_.empty()) {
    const std::string reference = waiting_.back();
    waiting_.pop_back();
    ONETAKE_ASSIGN_OR_RETURN(const Json* target, description_.Resolve(Json{{"$ref", reference}}));
    ONETAKE_ASSIGN_OR_RETURN(definitions[definition_names_[reference]], At(*target, 0));
  }
  return definitions;
}

absl::StatusOr<Json> SchemaConverter::At(const Json& schema, int depth) {
  if (++schemas_ > kSchemasMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the arguments take more than ", kSchemasMax, " schemas"));
  }
  if (depth > kDepthMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the schema is nested deeper than ", kDepthMax, " levels"));
  }
  if (schema.is_boolean()) return schema;
  if (!schema.is_object()) return Wrong("text", "is no schema: it must be an object");
  return schema.contains("$ref") ? Reference(schema, depth) : Object(schema, depth);
}

std::string SchemaConverter::DefinitionName(const std::string& reference) {
  const auto known = definition_names_.find(reference);
  if (known != definition_names_.end()) return known->second;
  std::string name = reference.substr(reference.find_last_of('/') + 1);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !absl::ascii_isalnum(c) && c != '_'; }, '_');
  const auto taken = [this](const std::string& candidate) {
    return std::any_of(definition_names_.begin(), definition_names_.end(),
                       [&](const auto& entry) { return entry.second == candidate; });
  };
  std::string unique = name;
  for (int i = 2; taken(unique); ++i) unique = absl::StrCat(name, "_", i);
  definition_names_.emplace(reference, unique);
  waiting_.push_back(reference);
  return unique;
}

absl::StatusOr<Json> SchemaConverter::Reference(const Json& schema, int depth) {
  const std::string reference = TextOf(schema, "$ref");
  ONETAKE_ASSIGN_OR_RETURN(const Json* target, description_.Resolve(schema));
  const bool shared = references_ == References::kDefinitions ||
                      graph_.ShapeOf(reference) == SchemaGraph::Shape::kRecursive;
  Json out;
  if (shared) {
    out = Json{{"$ref", absl::StrCat("#/definitions/", DefinitionName(reference))}};
  } else {
    ONETAKE_ASSIGN_OR_RETURN(out, At(*target, depth + 1));
  }
  // In 3.0 nothing but remarks may stand beside a reference; in 3.1 all of it counts.
  Json beside = schema;
  beside.erase("$ref");
  if (description_.version() == OpenApiDescription::Version::k30) {
    const std::string remark = TextOf(schema, "description");
    beside = remark.empty() ? Json::object() : Json{{"description", remark}};
  }
  ONETAKE_ASSIGN_OR_RETURN(Json more, At(beside, depth + 1));
  if (more.empty() || !more.is_object()) return out;
  const bool remarks_only = more.size() == 1 && more.contains("description");
  if (remarks_only && out.is_object()) {
    out["description"] = more["description"];
    return out;
  }
  more["allOf"].push_back(std::move(out));
  return WithMergedAllOf(std::move(more));
}

absl::StatusOr<Json> SchemaConverter::Object(const Json& schema, int depth) {
  Json out = Json::object();
  for (const auto& [keyword, unused] : schema.items()) {
    ONETAKE_RETURN_IF_ERROR(Keyword(schema, keyword, depth, out));
  }
  if (out.contains("properties") && !out.contains("type")) out["type"] = "object";
  // A member that the patterns would have let pass must not be refused.
  if (schema.contains("patternProperties")) out.erase("additionalProperties");
  if (schema.value("minContains", Json()) == Json(0)) out.erase("contains");
  if (!out.contains("if")) {
    out.erase("then");
    out.erase("else");
  }
  TidySchema(schema, out);
  out = WithMergedAllOf(std::move(out));
  if (FlagOf(schema, "nullable") == Flag::kSet) out = Nullable(std::move(out));
  return out;
}

absl::Status SchemaConverter::Keyword(const Json& schema, const std::string& keyword, int depth,
                                      Json& out) {
  const Json& value = schema.at(keyword);
  const size_t loosened = loosened_;
  switch (WordOf(keyword)) {
    case SchemaWord::kKeep: out[keyword] = value; return absl::OkStatus();
    case SchemaWord::kSchema: {
      ONETAKE_ASSIGN_OR_RETURN(out[keyword], At(value, depth + 1));
      if (loosened_ > loosened) LoosenAround(keyword, out);
      return absl::OkStatus();
    }
    case SchemaWord::kSchemas:
      ONETAKE_RETURN_IF_ERROR(SchemaList(value, keyword, depth, out));
      if (loosened_ > loosened) LoosenAround(keyword, out);
      return absl::OkStatus();
    case SchemaWord::kProperties: return Properties(schema, depth, out);
    case SchemaWord::kPattern:
      if (IsUsablePattern(value)) {
        out[keyword] = value;
      } else {
        Loosen("pattern");
      }
      return absl::OkStatus();
    case SchemaWord::kDependencies: return SchemaMap(value, "dependencies", depth, out);
    case SchemaWord::kPrefixItems: return SchemaList(value, "items", depth, out);
    case SchemaWord::kItems: {
      const std::string name = schema.contains("prefixItems") ? "additionalItems" : "items";
      if (value.is_array()) return SchemaList(value, name, depth, out);
      ONETAKE_ASSIGN_OR_RETURN(out[name], At(value, depth + 1));
      return absl::OkStatus();
    }
    case SchemaWord::kRemark: return absl::OkStatus();
    case SchemaWord::kUncheckable: Loosen(keyword); return absl::OkStatus();
    case SchemaWord::kRefused:
      return Wrong(keyword, "cannot be followed: refer to the schema by $ref");
  }
  return absl::OkStatus();
}

absl::Status SchemaConverter::Properties(const Json& schema, int depth, Json& out) {
  const Json& properties = schema.at("properties");
  if (!properties.is_object()) return Wrong("properties", "must map names to schemas");
  Json& converted = out["properties"] = Json::object();
  for (const auto& [name, property] : properties.items()) {
    ONETAKE_ASSIGN_OR_RETURN(const Json* target, description_.Resolve(property));
    if (FlagOf(*target, "readOnly") == Flag::kSet || FlagOf(property, "readOnly") == Flag::kSet) {
      continue;
    }
    ONETAKE_ASSIGN_OR_RETURN(converted[name], At(property, depth + 1));
  }
  return absl::OkStatus();
}

absl::Status SchemaConverter::SchemaMap(const Json& map, const std::string& name, int depth,
                                        Json& out) {
  if (!map.is_object()) return Wrong(name, "must be a mapping of names");
  for (const auto& [key, value] : map.items()) {
    if (value.is_array()) {
      out[name][key] = value;
    } else {
      ONETAKE_ASSIGN_OR_RETURN(out[name][key], At(value, depth + 1));
    }
  }
  return absl::OkStatus();
}

absl::Status SchemaConverter::SchemaList(const Json& list, const std::string& name, int depth,
                                         Json& out) {
  if (!list.is_array()) return Wrong(name, "must be a list of schemas");
  if (list.empty()) return absl::OkStatus();
  Json& converted = out[name] = Json::array();
  for (const Json& one : list) {
    ONETAKE_ASSIGN_OR_RETURN(Json schema, At(one, depth + 1));
    converted.push_back(std::move(schema));
  }
  return absl::OkStatus();
}

}  // namespace onetake
