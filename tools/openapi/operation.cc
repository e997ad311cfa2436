#include "tools/openapi/operation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/catalog/url.h"

namespace onetake {
namespace {

using Parameter = OpenApiParameter;

constexpr absl::string_view kMethods[] = {"get",     "put",  "post",  "delete",
                                          "options", "head", "patch", "trace"};

std::optional<Parameter::In> InFrom(absl::string_view text) {
  if (text == "path") return Parameter::In::kPath;
  if (text == "query") return Parameter::In::kQuery;
  if (text == "header") return Parameter::In::kHeader;
  if (text == "cookie") return Parameter::In::kCookie;
  return std::nullopt;
}

// A parameter has a schema, or one content whose media type says how it is written.
absl::Status ReadSchema(const OpenApiDescription& description, const Json& node,
                        Parameter& parameter) {
  if (const Json* schema = MemberOf(node, "schema")) {
    parameter.schema = *schema;
    return absl::OkStatus();
  }
  const Json* content = MemberOf(node, "content");
  if (content == nullptr || !content->is_object() || content->empty()) {
    parameter.schema = Json{{"type", "string"}};
    return absl::OkStatus();
  }
  if (!absl::StrContains(content->begin().key(), "json")) {
    return absl::InvalidArgumentError(absl::StrCat("parameter ", parameter.name, ": is written as ",
                                                   content->begin().key(), ", not as JSON"));
  }
  ONETAKE_ASSIGN_OR_RETURN(const Json* media, description.Resolve(*content->begin()));
  const Json* schema = MemberOf(*media, "schema");
  parameter.schema = schema == nullptr ? Json::object() : *schema;
  parameter.content = Parameter::Content::kJson;
  return absl::OkStatus();
}

absl::StatusOr<Parameter> ReadParameter(const OpenApiDescription& description, const Json& given) {
  ONETAKE_ASSIGN_OR_RETURN(const Json* node, description.Resolve(given));
  Parameter parameter{.name = TextOf(*node, "name"), .description = TextOf(*node, "description")};
  const std::optional<Parameter::In> in = InFrom(TextOf(*node, "in"));
  if (parameter.name.empty() || !in.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("parameter ", parameter.name,
                                                   ": needs a name, and an in of path, query, "
                                                   "header or cookie"));
  }
  parameter.in = *in;
  const bool required = FlagOf(*node, "required") == Flag::kSet || *in == Parameter::In::kPath;
  if (required) parameter.presence = Parameter::Presence::kRequired;
  const bool form = *in == Parameter::In::kQuery || *in == Parameter::In::kCookie;
  parameter.style = TextOf(*node, "style");
  if (parameter.style.empty()) parameter.style = form ? "form" : "simple";
  const Json* explode = MemberOf(*node, "explode");
  const bool explodes = explode == nullptr ? parameter.style == "form" : *explode == Json(true);
  parameter.explode = explodes ? Parameter::Explode::kYes : Parameter::Explode::kNo;
  ONETAKE_RETURN_IF_ERROR(ReadSchema(description, *node, parameter));
  return parameter;
}

// Parameters of the operation replace those of its path with the same name and place.
absl::Status AddParameters(const OpenApiDescription& description, const Json& holder,
                           std::vector<Parameter>& parameters) {
  const Json* list = MemberOf(holder, "parameters");
  if (list == nullptr) return absl::OkStatus();
  if (!list->is_array()) return absl::InvalidArgumentError("parameters: must be a list");
  for (const Json& given : *list) {
    ONETAKE_ASSIGN_OR_RETURN(Parameter parameter, ReadParameter(description, given));
    const auto same =
        std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& other) {
          return other.name == parameter.name && other.in == parameter.in;
        });
    if (same == parameters.end()) {
      parameters.push_back(std::move(parameter));
    } else {
      *same = std::move(parameter);
    }
  }
  return absl::OkStatus();
}

// Takes the member from the nearest that has it: the operation, its path, the description.
Json Inherited(std::initializer_list<const Json*> holders, absl::string_view name) {
  for (const Json* holder : holders) {
    if (const Json* member = MemberOf(*holder, name)) return *member;
  }
  return nullptr;
}

absl::StatusOr<OpenApiOperation> ReadOperation(const OpenApiDescription& description,
                                               const std::string& path, const Json& item,
                                               absl::string_view method) {
  const Json& node = item.at(std::string(method));
  if (!node.is_object()) return absl::InvalidArgumentError("is no operation");
  // Wherever the API is, a manifest with another kind of path would not load.
  if (!absl::StartsWith(path, "/")) {
    return absl::InvalidArgumentError("its path does not begin with /");
  }
  if (const auto url = ParseHttpUrl(absl::StrCat("https://api.example", path)); !url.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("its path ", url.status().message()));
  }
  OpenApiOperation operation{.method = absl::AsciiStrToUpper(method),
                             .path = path,
                             .id = TextOf(node, "operationId"),
                             .summary = TextOf(node, "summary"),
                             .description = TextOf(node, "description"),
                             .deprecated = FlagOf(node, "deprecated"),
                             .responses = Inherited({&node}, "responses"),
                             .security = Inherited({&node, &description.root()}, "security"),
                             .servers = Inherited({&node, &item, &description.root()}, "servers"),
                             .annotations = Inherited({&node, &item}, "x-mcp-annotations")};
  if (operation.description.empty()) operation.description = TextOf(item, "description");
  ONETAKE_RETURN_IF_ERROR(AddParameters(description, item, operation.parameters));
  ONETAKE_RETURN_IF_ERROR(AddParameters(description, node, operation.parameters));
  if (const Json* body = MemberOf(node, "requestBody")) {
    ONETAKE_ASSIGN_OR_RETURN(const Json* resolved, description.Resolve(*body));
    operation.body = *resolved;
  }
  return operation;
}

}  // namespace

std::vector<FoundOperation> FindOperations(const OpenApiDescription& description) {
  std::vector<FoundOperation> found;
  for (const auto& [path, given] : description.root().at("paths").items()) {
    const absl::StatusOr<const Json*> item = description.Resolve(given);
    if (!item.ok()) {
      found.push_back({.method = "*", .path = path, .operation = item.status()});
      continue;
    }
    for (const absl::string_view method : kMethods) {
      if (MemberOf(**item, method) == nullptr) continue;
      found.push_back({.method = absl::AsciiStrToUpper(method),
                       .path = path,
                       .operation = ReadOperation(description, path, **item, method)});
    }
  }
  return found;
}

}  // namespace onetake
