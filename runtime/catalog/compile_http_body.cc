// Compiles what is sent in the query and the body.
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/catalog/header_rules.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr size_t kQueryNameBytesMax = 128;

bool IsAll(const Manifest::JsonValue& value) { return value.json() == "\"$\""; }

bool TakesObjects(ParameterStyle style) {
  return style == ParameterStyle::kDeepObject || style == ParameterStyle::kJson;
}

ParameterStyle StyleOf(const HttpBinding& binding, const std::string& name) {
  const auto found = binding.styles.find(name);
  return found == binding.styles.end() ? ParameterStyle::kRepeat : found->second;
}

std::optional<ParameterStyle> StyleFrom(int style) {
  switch (style) {
    case Manifest::STYLE_REPEAT: return ParameterStyle::kRepeat;
    case Manifest::STYLE_COMMA: return ParameterStyle::kComma;
    case Manifest::STYLE_SPACE: return ParameterStyle::kSpace;
    case Manifest::STYLE_PIPE: return ParameterStyle::kPipe;
    case Manifest::STYLE_BRACKETS: return ParameterStyle::kBrackets;
    case Manifest::STYLE_DEEP_OBJECT: return ParameterStyle::kDeepObject;
    case Manifest::STYLE_JSON: return ParameterStyle::kJson;
    default: return std::nullopt;
  }
}

// Checks that what is at `steps` can be written as a parameter of this style.
void CheckWritable(const CompileContext& context, const std::string& field,
                   const SchemaArguments::Steps& steps, ParameterStyle style) {
  if (context.arguments == nullptr || TakesObjects(style)) return;
  SchemaArguments::Steps element = steps;
  element.push_back({.is_index = true});
  std::set<std::string> types = context.arguments->Types(steps);
  if (types.erase("array") > 0 && types.empty()) types = context.arguments->Types(element);
  types.erase("null");
  if (types.empty()) return;
  for (const char* type : {"string", "number", "integer", "boolean"}) {
    if (types.contains(type)) return;
  }
  context.report.Error(field,
                       absl::StrCat("is, or is a list, of type ", absl::StrJoin(types, " or "),
                                    ", which has no one way to be written here"),
                       "say how in http.styles: deep_object for name[key]=value, json for its "
                       "JSON text");
}

void CompileStyles(const CompileContext& context, HttpBinding& binding) {
  const Manifest::HttpRules& http = context.manifest.http();
  const Json form = Json::parse(http.form().json(), nullptr, /*allow_exceptions=*/false);
  for (const auto& [name, style] : Sorted(http.styles())) {
    const std::string field = FieldPath("http.styles", name);
    if (const auto compiled = StyleFrom(style)) binding.styles[name] = *compiled;
    const bool in_form = IsAll(http.form()) ? context.arguments == nullptr ||
                                                  context.arguments->Declares({{.name = name}})
                                            : form.is_object() && form.contains(name);
    if (in_form || http.query().contains(name) || context.report.HasErrorAt(field)) continue;
    context.report.Error(field, "is neither in http.query nor a field of http.form",
                         "the name of a query parameter, or of a field of the form");
  }
}

void CompileQuery(const CompileContext& context, HttpBinding& binding) {
  ManifestReport& report = context.report;
  for (const auto& [name, text] : Sorted(context.manifest.http().query())) {
    const std::string field = FieldPath("http.query", name);
    if (report.HasErrorAt(field)) continue;
    if (name.empty() || name.size() > kQueryNameBytesMax || !IsHeaderText(name)) {
      report.Error(field, "has a name that no query parameter should have",
                   absl::StrCat("1 to ", kQueryNameBytesMax, " bytes of printable ASCII"));
    }
    std::optional<JsonPath> path = ArgumentPath(context, field, text);
    if (!path.has_value()) continue;
    if (path->is_root()) {
      report.Error(field, "is $, which is no single argument", "name one: $.date");
      continue;
    }
    CheckWritable(context, field, path->steps(), StyleOf(binding, name));
    binding.query.push_back({.name = name, .value = *std::move(path)});
  }
}

void CheckFormField(const CompileContext& context, const std::string& name, const Json& value,
                    const HttpBinding& binding) {
  const std::string field = FieldPath("http.form", name);
  if (value.is_structured()) {
    context.report.Error(field, "is a mapping or a list, and a form has texts",
                         "name an argument: $.name");
    return;
  }
  if (!value.is_string()) return;
  const absl::StatusOr<JsonPath> path = JsonPath::Parse(value.get<std::string>());
  if (!path.ok() || context.report.HasErrorAt(field)) return;
  if (path->is_root()) {
    context.report.Error(field, "is $, which is no single argument", "name one: $.date");
    return;
  }
  CheckWritable(context, field, path->steps(), StyleOf(binding, name));
}

void CompileForm(const CompileContext& context, HttpBinding& binding) {
  const Manifest::HttpRules& http = context.manifest.http();
  ManifestReport& report = context.report;
  binding.form = JsonTemplateFrom(context, "http.form", http.form());
  if (!binding.form.has_value()) return;
  if (IsAll(http.form())) {
    if (context.arguments == nullptr) return;
    for (const std::string& name : context.arguments->names()) {
      CheckWritable(context, "http.form", {{.name = name}}, StyleOf(binding, name));
    }
  } else if (!binding.form->source().is_object()) {
    report.Error("http.form", "must be $ or a mapping of the fields' names",
                 "form: $ or form: { Name: $.name }");
  } else {
    for (const auto& [name, value] : binding.form->source().items()) {
      CheckFormField(context, name, value, binding);
    }
  }
}

}  // namespace

void CompileParameters(const CompileContext& context, HttpBinding& binding) {
  CompileStyles(context, binding);
  CompileQuery(context, binding);
}

void CompileBody(const CompileContext& context, HttpBinding& binding) {
  const Manifest::HttpRules& http = context.manifest.http();
  ManifestReport& report = context.report;
  if (!http.has_body() && !http.has_form()) return;
  const absl::string_view field = http.has_body() ? "http.body" : "http.form";
  if (http.has_body() && http.has_form()) {
    report.Error("http.form", "stands beside http.body", "a request has one body: keep one");
    return;
  }
  if (http.method() == "GET" || http.method() == "HEAD") {
    report.Error(field, absl::StrCat("does not go with ", http.method()),
                 "give the arguments by http.query, or use POST");
    return;
  }
  if (http.body().json() == "null" && !report.HasErrorAt("http.body")) {
    report.Error("http.body", "has no value", "$ for all arguments, or take the line out");
    return;
  }
  if (http.has_form()) return CompileForm(context, binding);
  binding.body = JsonTemplateFrom(context, "http.body", http.body());
}

}  // namespace onetake
