#include "tools/openapi/request.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "runtime/catalog/header_rules.h"
#include "runtime/catalog/key_likeness.h"
#include "runtime/json/schema.h"
#include "tools/openapi/key.h"
#include "tools/openapi/names.h"
#include "tools/openapi/parameter_style.h"
#include "tools/openapi/request_body.h"
#include "tools/openapi/schema_convert.h"

namespace onetake {
namespace {

using In = OpenApiParameter::In;

constexpr size_t kSchemaBytesMax = 200 * 1024;
constexpr size_t kSchemaBytesMuch = 16 * 1024;
constexpr absl::string_view kDefinitions = "#/definitions/";

bool IsRequired(const OpenApiParameter& parameter) {
  return parameter.presence == OpenApiParameter::Presence::kRequired;
}

absl::string_view PlaceName(In in) {
  switch (in) {
    case In::kPath: return "path";
    case In::kQuery: return "query";
    case In::kHeader: return "header";
    case In::kCookie: return "cookie";
  }
  return "";
}

void CollectUsed(const Json& schema, const Json& definitions, Json& used) {
  if (schema.is_structured()) {
    for (const Json& child : schema) CollectUsed(child, definitions, used);
  }
  const std::string reference = TextOf(schema, "$ref");
  if (!absl::StartsWith(reference, kDefinitions)) return;
  const std::string name = reference.substr(kDefinitions.size());
  if (used.contains(name) || !definitions.contains(name)) return;
  used[name] = definitions.at(name);
  CollectUsed(definitions.at(name), definitions, used);
}

// The definitions that `schema` leads to.
Json UsedDefinitions(const Json& schema, const Json& definitions) {
  Json used = Json::object();
  CollectUsed(schema, definitions, used);
  return used;
}

class Planner {
 public:
  Planner(const OpenApiDescription& description, SchemaGraph& graph,
          const OpenApiOperation& operation, const std::map<std::string, std::string>& fixed,
          SchemaConverter::References references)
      : description_(description),
        operation_(operation),
        fixed_(fixed),
        parameter_converter_(description, graph, SchemaConverter::References::kInline),
        converter_(description, graph, references) {}

  absl::StatusOr<RequestPlan> Plan(KeySearch keys);

 private:
  absl::Status AddParameter(const OpenApiParameter& parameter, KeySearch keys);
  absl::Status Place(const OpenApiParameter& parameter, const Json& schema,
                     const std::string& argument);
  void FillFixedHoles();
  absl::Status AddUndescribedHoles();
  absl::Status AddBody(KeySearch keys);
  absl::Status AddMembers(const BodyContent& content, Json schema, KeySearch keys);
  void AddWhole(Json schema);
  absl::StatusOr<Json> BodySchema(const BodyContent& content);
  std::string AddArgument(const std::string& name, absl::string_view place, Json schema);
  std::string TakeKey(const Json& properties);
  void NoteKeysNotTaken();
  absl::Status Finish(KeySearch keys);

  const OpenApiDescription& description_;
  const OpenApiOperation& operation_;
  const std::map<std::string, std::string>& fixed_;
  SchemaConverter parameter_converter_;  // they are small, and their shape decides their style
  SchemaConverter converter_;
  RequestPlan plan_;
  std::set<std::string> taken_;
  Json properties_ = Json::object();
  Json required_ = Json::array();
};

// Two parameters of one name are two arguments: the later one gets its place into its name.
std::string Planner::AddArgument(const std::string& name, absl::string_view place, Json schema) {
  std::string argument = ArgumentNameOf(name);
  if (taken_.contains(argument)) argument = ArgumentNameOf(absl::StrCat(argument, "_", place));
  argument = UniqueName(argument, taken_);
  properties_[argument] = std::move(schema);
  return argument;
}

absl::Status Planner::AddParameter(const OpenApiParameter& parameter, KeySearch keys) {
  const bool header = parameter.in == In::kHeader;
  if (header && (absl::EqualsIgnoreCase(parameter.name, "accept") ||
                 absl::EqualsIgnoreCase(parameter.name, "content-type") ||
                 absl::EqualsIgnoreCase(parameter.name, "authorization"))) {
    return absl::OkStatus();  // by OpenAPI's own rule
  }
  ONETAKE_ASSIGN_OR_RETURN(Json schema, parameter_converter_.Convert(parameter.schema));
  if (header && keys == KeySearch::kYes &&
      LikenessToKey(parameter.name, parameter.description) == KeyLikeness::kYes &&
      KeyMisfit(schema).empty()) {
    plan_.key = DocumentedKey{.place = DocumentedKey::Place::kHeader,
                              .name = parameter.name,
                              .description = parameter.description,
                              .format = TextOf(schema, "format")};
    return absl::OkStatus();
  }
  const absl::Status fit = CheckParameter(parameter, schema);
  if (!fit.ok()) {
    if (IsRequired(parameter)) return fit;
    plan_.notes.push_back(absl::StrCat("left out: ", std::string(fit.message())));
    return absl::OkStatus();
  }
  if (!parameter.description.empty() && schema.is_object()) {
    schema["description"] = parameter.description;
  }
  const std::string argument =
      AddArgument(parameter.name, PlaceName(parameter.in), std::move(schema));
  if (IsRequired(parameter)) required_.push_back(argument);
  return Place(parameter, properties_[argument], argument);
}

absl::Status Planner::Place(const OpenApiParameter& parameter, const Json& schema,
                            const std::string& argument) {
  switch (parameter.in) {
    case In::kPath: {
      const std::string hole = absl::StrCat("{", parameter.name, "}");
      if (!absl::StrContains(plan_.path, hole)) {
        return absl::InvalidArgumentError(
            absl::StrCat("path parameter ", parameter.name, ": is not in the path"));
      }
      // The mark is one that no path has, so that an argument's name is not taken for another hole.
      plan_.path =
          absl::StrReplaceAll(plan_.path, {{hole, absl::StrCat("\x01", argument, "\x02")}});
      plan_.path_arguments.push_back(argument);
      return absl::OkStatus();
    }
    case In::kQuery: {
      plan_.query[parameter.name] = PathOfMember(argument);
      const std::string style = StyleOfParameter(parameter, schema);
      if (!style.empty()) plan_.styles[parameter.name] = style;
      return absl::OkStatus();
    }
    case In::kHeader: plan_.headers[parameter.name] = absl::StrCat("{", argument, "}"); break;
    case In::kCookie: break;
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Planner::BodySchema(const BodyContent& content) {
  ONETAKE_ASSIGN_OR_RETURN(Json schema, converter_.Convert(content.schema));
  // The root: of a body that holds itself, or of every body when references are shared.
  Json here = content.schema;
  for (int i = 0; i < 8 && schema.is_object() && schema.contains("$ref"); ++i) {
    ONETAKE_ASSIGN_OR_RETURN(const Json* target, description_.Resolve(here));
    here = *target;
    ONETAKE_ASSIGN_OR_RETURN(schema, converter_.Convert(here));
  }
  return schema;
}

// The member of the body that is an idempotency key; empty when there is none.
std::string Planner::TakeKey(const Json& properties) {
  // When it is all that the request says, it is no key: "cancel the payment of this key".
  if (properties.size() == 1 && properties_.empty()) return "";
  for (const auto& [name, schema] : properties.items()) {
    if (LikenessToKey(name, TextOf(schema, "description")) == KeyLikeness::kNo) continue;
    if (!KeyMisfit(schema).empty()) continue;
    plan_.key = DocumentedKey{.place = DocumentedKey::Place::kBody,
                              .name = name,
                              .description = TextOf(schema, "description"),
                              .format = TextOf(schema, "format")};
    return name;
  }
  return "";
}

absl::Status Planner::AddMembers(const BodyContent& content, Json schema, KeySearch keys) {
  const bool form = content.kind == BodyContent::Kind::kForm;
  Json properties = std::move(schema["properties"]);
  const Json required = schema.value("required", Json::array());
  if (keys == KeySearch::kYes && !plan_.key.has_value()) {
    const std::string key = TakeKey(properties);
    if (!key.empty()) properties.erase(key);
  }
  const bool alone = properties_.empty();
  bool renamed = false;
  Json members = Json::object();
  for (auto& [name, property] : properties.items()) {
    const bool needed = std::find(required.begin(), required.end(), Json(name)) != required.end();
    if (form) {
      const absl::StatusOr<std::string> style = StyleOfField(name, property, content.encoding);
      if (!style.ok() && needed) return style.status();
      if (!style.ok()) {
        plan_.notes.push_back(absl::StrCat("left out: ", std::string(style.status().message())));
        renamed = true;
        continue;
      }
      if (!style->empty() && plan_.query.contains(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, ": is in the query and in the form, and they differ in style"));
      }
      if (!style->empty()) plan_.styles[name] = *style;
    }
    const std::string argument = AddArgument(name, "body", property);
    renamed = renamed || argument != name;
    if (needed) required_.push_back(argument);
    members[name] = PathOfMember(argument);
  }
  Json source = alone && !renamed ? Json("$") : std::move(members);
  (form ? plan_.form : plan_.body) = std::move(source);
  return absl::OkStatus();
}

void Planner::AddWhole(Json schema) {
  const std::string argument = AddArgument("body", "body", std::move(schema));
  if (FlagOf(operation_.body, "required") == Flag::kSet) required_.push_back(argument);
  plan_.body = PathOfMember(argument);
}

absl::Status Planner::AddBody(KeySearch keys) {
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<BodyContent> content,
                           ChooseContent(description_, operation_.body));
  if (!content.has_value()) return absl::OkStatus();
  if (operation_.method == "GET" || operation_.method == "HEAD") {
    return absl::InvalidArgumentError(
        absl::StrCat("has a body, which does not go with ", operation_.method));
  }
  if (content->kind == BodyContent::Kind::kJson && content->media_type != "application/json") {
    plan_.headers["Content-Type"] = content->media_type;
  }
  ONETAKE_ASSIGN_OR_RETURN(Json schema, BodySchema(*content));
  if (HasPlainMembers(schema)) return AddMembers(*content, std::move(schema), keys);
  if (content->kind == BodyContent::Kind::kForm) {
    return absl::InvalidArgumentError("takes a form whose fields are not described one by one");
  }
  AddWhole(std::move(schema));
  return absl::OkStatus();
}

// The braces of what is put in stay marked until the end, because they are no holes.
void Planner::FillFixedHoles() {
  for (const auto& [name, text] : fixed_) {
    const std::string marked = absl::StrReplaceAll(text, {{"{", "\x01"}, {"}", "\x02"}});
    plan_.path = absl::StrReplaceAll(plan_.path, {{absl::StrCat("{", name, "}"), marked}});
  }
}

// A hole of the path for which no parameter is described can only be a text.
absl::Status Planner::AddUndescribedHoles() {
  for (size_t open = plan_.path.find('{'); open != std::string::npos; open = plan_.path.find('{')) {
    const size_t close = plan_.path.find('}', open);
    if (close == std::string::npos || close == open + 1) {
      return absl::InvalidArgumentError("its path has a brace without its partner");
    }
    const std::string name = plan_.path.substr(open + 1, close - open - 1);
    plan_.notes.push_back(absl::StrCat(name, " is in the path but not described: taken as a text"));
    ONETAKE_RETURN_IF_ERROR(AddParameter({.name = name,
                                          .in = In::kPath,
                                          .presence = OpenApiParameter::Presence::kRequired,
                                          .schema = {{"type", "string"}},
                                          .style = "simple"},
                                         KeySearch::kNo));
  }
  return absl::OkStatus();
}

void Planner::NoteKeysNotTaken() {
  for (const KeyLikeArgument& key : KeyLikeArguments(plan_.schema)) {
    std::string misfit;
    for (const Json* schema : key.schemas) {
      if (misfit.empty()) misfit = KeyMisfit(*schema);
    }
    if (misfit.empty()) misfit = "onetake cannot fill it in there";
    plan_.notes.push_back(absl::StrCat(
        key.Shown(), " looks like an idempotency key, but ", misfit,
        ": put it under intent.ignored, for a model makes a new one up on every retry"));
  }
}

absl::Status Planner::Finish(KeySearch keys) {
  if (absl::StrContains(plan_.path, '}')) {
    return absl::InvalidArgumentError("its path has a brace without its partner");
  }
  plan_.path = absl::StrReplaceAll(plan_.path, {{"\x01", "{"}, {"\x02", "}"}});
  plan_.path = absl::StrReplaceAll(plan_.path, {{"\x03{", "$${"}, {"\x03", "$"}});
  plan_.schema = Json{{"type", "object"}, {"additionalProperties", false}};
  if (!properties_.empty()) plan_.schema["properties"] = properties_;
  if (!required_.empty()) plan_.schema["required"] = required_;
  ONETAKE_ASSIGN_OR_RETURN(Json definitions, converter_.Definitions());
  ONETAKE_ASSIGN_OR_RETURN(const Json more, parameter_converter_.Definitions());
  definitions.update(more);
  Json used = UsedDefinitions(plan_.schema, definitions);
  if (!used.empty()) plan_.schema["definitions"] = std::move(used);
  const size_t bytes = DumpJson(plan_.schema).size();
  if (bytes > kSchemaBytesMax) {
    return absl::ResourceExhaustedError(absl::StrCat("its schema has ", bytes / 1024, " KB, and ",
                                                     kSchemaBytesMax / 1024, " KB is the limit"));
  }
  ONETAKE_RETURN_IF_ERROR(JsonSchema::Compile(plan_.schema).status());
  if (keys == KeySearch::kYes) NoteKeysNotTaken();
  if (bytes > kSchemaBytesMuch) {
    plan_.notes.push_back(absl::StrCat("the schema has ", bytes / 1024,
                                       " KB, which every turn of a model pays for: take out what "
                                       "your agent never uses"));
  }
  for (const std::string& note : converter_.notes()) plan_.notes.push_back(note);
  return absl::OkStatus();
}

absl::StatusOr<RequestPlan> Planner::Plan(KeySearch keys) {
  // A dollar of the description begins no variable of the environment, as one of `fixed` may.
  plan_.path = absl::StrReplaceAll(operation_.path, {{"$", "\x03"}});
  FillFixedHoles();
  // The order matters: what is in the path keeps its name.
  for (const In in : {In::kPath, In::kQuery, In::kHeader, In::kCookie}) {
    for (const OpenApiParameter& parameter : operation_.parameters) {
      if (parameter.in != in || (in == In::kPath && fixed_.contains(parameter.name))) continue;
      ONETAKE_RETURN_IF_ERROR(AddParameter(parameter, keys));
    }
  }
  ONETAKE_RETURN_IF_ERROR(AddUndescribedHoles());
  if (operation_.body.is_object()) ONETAKE_RETURN_IF_ERROR(AddBody(keys));
  ONETAKE_RETURN_IF_ERROR(Finish(keys));
  return std::move(plan_);
}

}  // namespace

absl::StatusOr<RequestPlan> PlanRequest(const OpenApiDescription& description, SchemaGraph& graph,
                                        const OpenApiOperation& operation, KeySearch keys,
                                        const std::map<std::string, std::string>& fixed) {
  using References = SchemaConverter::References;
  absl::StatusOr<RequestPlan> plan =
      Planner(description, graph, operation, fixed, References::kInline).Plan(keys);
  if (!plan.ok() && !absl::IsResourceExhausted(plan.status())) return plan;
  const size_t bytes = plan.ok() ? DumpJson(plan->schema).size() : kSchemaBytesMax;
  if (bytes <= kSchemaBytesMuch) return plan;
  absl::StatusOr<RequestPlan> shared =
      Planner(description, graph, operation, fixed, References::kDefinitions).Plan(keys);
  const bool smaller = shared.ok() && DumpJson(shared->schema).size() < bytes;
  return smaller || !plan.ok() ? std::move(shared) : std::move(plan);
}

}  // namespace onetake
