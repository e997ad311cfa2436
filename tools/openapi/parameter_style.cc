#include "tools/openapi/parameter_style.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/catalog/header_rules.h"
#include "tools/openapi/description.h"

namespace onetake {
namespace {

using In = OpenApiParameter::In;
using Explode = OpenApiParameter::Explode;

enum class Shape { kSingle, kList, kObject };

bool HasType(const Json& schema, const char* name) {
  const Json* type = MemberOf(schema, "type");
  return type != nullptr &&
         (*type == name ||
          (type->is_array() && std::find(type->begin(), type->end(), Json(name)) != type->end()));
}

Shape ShapeOf(const Json& schema) {
  if (HasType(schema, "array") || schema.contains("items")) return Shape::kList;
  if (HasType(schema, "object") || schema.contains("properties")) return Shape::kObject;
  return Shape::kSingle;
}

// Whether it is a list of what is no single value.
bool HoldsStructures(const Json& schema) {
  const Json* items = MemberOf(schema, "items");
  return items != nullptr && items->is_object() && ShapeOf(*items) != Shape::kSingle;
}

absl::Status Unplaceable(const OpenApiParameter& parameter, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("parameter ", parameter.name, ": ", why));
}

// nullopt: no style of ours.
std::optional<std::string> QueryStyle(absl::string_view style, Explode explodes, Shape shape) {
  const bool explode = explodes == Explode::kYes;
  if (style == "deepObject") return "deep_object";
  if (shape == Shape::kObject) return std::nullopt;
  if (style == "form") return explode ? "" : "comma";
  if (style == "spaceDelimited") return explode ? "" : "space";
  if (style == "pipeDelimited") return explode ? "" : "pipe";
  return std::nullopt;
}

}  // namespace

absl::Status CheckParameter(const OpenApiParameter& parameter, const Json& schema) {
  const Shape shape = ShapeOf(schema);
  const bool json = parameter.content == OpenApiParameter::Content::kJson;
  switch (parameter.in) {
    case In::kCookie: return Unplaceable(parameter, "manifests set no cookies");
    case In::kPath:
    case In::kHeader:
      if (parameter.in == In::kHeader &&
          (!IsHeaderName(parameter.name) || IsReservedHeader(parameter.name))) {
        return Unplaceable(parameter, "is no header that a request may set");
      }
      if (parameter.in == In::kHeader && CredentialIn(parameter.name) == Credential::kSurely) {
        return Unplaceable(parameter, "carries a credential, which is no argument of a model");
      }
      if (shape != Shape::kSingle || json) {
        return Unplaceable(parameter, "is a list or an object in the path or a header");
      }
      if (parameter.style != "simple") {
        return Unplaceable(parameter, absl::StrCat("has the style ", parameter.style));
      }
      return absl::OkStatus();
    case In::kQuery: break;
  }
  if (json && shape == Shape::kSingle && HasType(schema, "string")) {
    return Unplaceable(parameter, "is a text in the query that must be quoted as JSON");
  }
  if (shape == Shape::kSingle || json) return absl::OkStatus();
  const std::optional<std::string> style = QueryStyle(parameter.style, parameter.explode, shape);
  if (!style.has_value()) {
    return Unplaceable(parameter, absl::StrCat("is a", shape == Shape::kList ? " list" : "n object",
                                               " in the query, in the style ", parameter.style));
  }
  if (HoldsStructures(schema) && *style != "deep_object") {
    return Unplaceable(parameter, "is a list of lists or objects in the query");
  }
  return absl::OkStatus();
}

std::string StyleOfParameter(const OpenApiParameter& parameter, const Json& schema) {
  const Shape shape = ShapeOf(schema);
  if (parameter.content == OpenApiParameter::Content::kJson) {
    return shape == Shape::kSingle ? "" : "json";
  }
  if (shape == Shape::kSingle) return "";
  return QueryStyle(parameter.style, parameter.explode, shape).value_or("");
}

absl::StatusOr<std::string> StyleOfField(const std::string& name, const Json& schema,
                                         const Json& encoding) {
  const Shape shape = ShapeOf(schema);
  if (shape == Shape::kSingle) return "";
  const Json* rules = MemberOf(encoding, name);
  const Json nothing = Json::object();
  if (rules == nullptr) rules = &nothing;
  if (absl::StrContains(TextOf(*rules, "contentType"), "json")) return "json";
  std::string style = TextOf(*rules, "style");
  if (style.empty() && shape == Shape::kObject) return "json";
  if (style.empty()) style = "form";
  const Json* explode = MemberOf(*rules, "explode");
  const bool explodes = explode == nullptr ? style == "form" : *explode == Json(true);
  const std::optional<std::string> ours =
      QueryStyle(style, explodes ? Explode::kYes : Explode::kNo, shape);
  if (!ours.has_value() || (HoldsStructures(schema) && *ours != "deep_object")) {
    return absl::InvalidArgumentError(
        absl::StrCat("form field ", name, ": is a list or object that no style of forms writes"));
  }
  return *ours;
}

bool HasPlainMembers(const Json& schema) {
  if (!schema.is_object() || !schema.contains("properties")) return false;
  if (!HasType(schema, "object")) return false;
  static constexpr absl::string_view kKnown[] = {
      "type", "properties", "required", "default", "description", "format", "additionalProperties"};
  for (const auto& [keyword, unused] : schema.items()) {
    if (std::find(std::begin(kKnown), std::end(kKnown), keyword) == std::end(kKnown)) return false;
  }
  const Json* others = MemberOf(schema, "additionalProperties");
  return others == nullptr || *others == Json(false);
}

}  // namespace onetake
