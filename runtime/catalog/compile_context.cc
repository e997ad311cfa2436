#include "runtime/catalog/compile_context.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "runtime/base/limits.h"
#include "runtime/catalog/nearest.h"
#include "runtime/catalog/proto_duration.h"

namespace onetake {
namespace {

bool IsPathText(absl::string_view text) {
  return text == "$" || absl::StartsWith(text, "$.") || absl::StartsWith(text, "$[");
}

// Checks every path of a template, each with the place of its text.
void CheckTemplatePaths(const CompileContext& context, const std::string& field,
                        const Json& value) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      CheckTemplatePaths(context, FieldPath(field, name), member);
    }
  } else if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      CheckTemplatePaths(context, FieldPath(field, i), value[i]);
    }
  } else if (value.is_string() && IsPathText(value.get_ref<const std::string&>())) {
    ArgumentPath(context, field, value.get_ref<const std::string&>());
  } else if (value.is_string()) {
    CheckNoHole(context, field, value.get_ref<const std::string&>());
  }
}

// The path of an argument as its author names it: by a top-level name, or a path.
std::string PathText(absl::string_view named) {
  if (absl::StartsWith(named, "$")) return std::string(named);
  const bool plain = std::all_of(named.begin(), named.end(),
                                 [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
  if (plain && !named.empty() && !absl::ascii_isdigit(named[0])) return absl::StrCat("$.", named);
  return absl::StrCat("$['", absl::StrReplaceAll(named, {{"\\", "\\\\"}, {"'", "\\'"}}), "']");
}

// A text in which an argument is named in the way of another kind of template.
struct Misnamed {
  absl::string_view text;
  absl::string_view name;  // of the argument
  std::string meant;
};
void CheckNotMeant(const CompileContext& context, absl::string_view field,
                   const Misnamed& misnamed) {
  if (context.arguments == nullptr || misnamed.name.empty() ||
      !context.arguments->Declares(StepsOfHole(misnamed.name))) {
    return;
  }
  context.report.Error(field,
                       absl::StrCat(context.report.Quote(field, misnamed.text),
                                    " would be sent as it stands, not the argument of that name"),
                       absl::StrCat("write ", misnamed.meant));
}

}  // namespace

void CheckNoHole(const CompileContext& context, absl::string_view field, absl::string_view text) {
  absl::string_view name = text;
  const bool is_hole = absl::ConsumePrefix(&name, "{") && absl::ConsumeSuffix(&name, "}");
  if (is_hole) CheckNotMeant(context, field, {text, name, absl::StrCat("$.", name)});
}

bool IsToolName(absl::string_view name) {
  if (name.empty() || name.size() > limits::kToolNameBytes) return false;
  if (!absl::ascii_isalpha(name[0])) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-') return false;
  }
  return true;
}

void ReportMissing(ManifestReport& report, absl::string_view field, absl::string_view advice) {
  if (!report.HasErrorAt(field)) report.Error(field, "is required", advice);
}

absl::Duration DurationIn(ManifestReport& report, absl::string_view field,
                          const google::protobuf::Duration* value, DurationRange range,
                          absl::Duration fallback) {
  if (value == nullptr || report.HasErrorAt(field)) return fallback;
  const absl::Duration duration = FromProto(*value);
  if (duration >= range.least && duration <= range.most) return duration;
  const std::string shown =
      report.Hides(field) ? report.Quote(field, "") : absl::FormatDuration(duration);
  report.Error(
      field, absl::StrCat("is ", shown, ", which is out of range"),
      absl::StrCat(absl::FormatDuration(range.least), " to ", absl::FormatDuration(range.most)));
  return fallback;
}

int64_t IntegerIn(ManifestReport& report, absl::string_view field, std::optional<int64_t> value,
                  IntegerRange range, int64_t fallback) {
  if (!value.has_value() || report.HasErrorAt(field)) return fallback;
  if (*value >= range.least && *value <= range.most) return *value;
  report.Error(
      field,
      absl::StrCat("is ", report.Quote(field, absl::StrCat(*value)), ", which is out of range"),
      absl::StrCat(range.least, " to ", range.most));
  return fallback;
}

std::optional<JsonPath> PathFrom(ManifestReport& report, absl::string_view field,
                                 absl::string_view text) {
  absl::StatusOr<JsonPath> path = JsonPath::Parse(text);
  if (path.ok()) return *std::move(path);
  report.Error(field,
               absl::StrCat("is ", report.Quote(field, text),
                            ", which is no path: ", std::string(path.status().message())),
               "write $.name, $.list[0] or $['a name']");
  return std::nullopt;
}

std::optional<JsonPath> ArgumentPath(const CompileContext& context, absl::string_view field,
                                     absl::string_view text) {
  std::optional<JsonPath> path = PathFrom(context.report, field, text);
  if (path.has_value() && !path->is_root()) {
    CheckDeclared(context, field, path->steps(), path->text());
  }
  return path;
}

std::optional<JsonPath> NamedArgument(const CompileContext& context, const std::string& field,
                                      const std::string& named) {
  if (context.report.HasErrorAt(field)) return std::nullopt;
  std::optional<JsonPath> path = ArgumentPath(context, field, PathText(named));
  if (!path.has_value() || context.report.HasErrorAt(field)) return std::nullopt;
  if (!path->is_root()) return path;
  context.report.Error(field, "is $, which names no argument", "write the name of one argument");
  return std::nullopt;
}

IdentityField SubjectField(const Tool& tool, const JsonPath& path) {
  const auto found =
      std::find_if(tool.intent.identity.begin(), tool.intent.identity.end(),
                   [&](const IdentityField& field) { return field.path == path.text(); });
  if (found != tool.intent.identity.end()) return *found;
  return {.path = path.text(), .name = std::string(absl::StripPrefix(path.text(), "$."))};
}

void CheckDeclared(const CompileContext& context, absl::string_view field,
                   const SchemaArguments::Steps& steps, absl::string_view shown) {
  if (context.arguments == nullptr || context.arguments->Declares(steps)) return;
  const std::vector<std::string> names = context.arguments->names();
  const std::string nearest =
      steps.size() == 1 && !context.report.Hides(field) ? NearestName(steps[0].name, names) : "";
  context.report.Error(
      field, absl::StrCat(context.report.Quote(field, shown), " is no argument of the schema"),
      absl::StrCat(nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "? "),
                   names.empty() ? "the schema has no arguments"
                                 : absl::StrCat("it has ", absl::StrJoin(names, ", "))));
}

void CheckPlaceable(const CompileContext& context, absl::string_view field,
                    const SchemaArguments::Steps& steps, absl::string_view shown) {
  if (context.arguments == nullptr) return;
  const std::set<std::string> types = context.arguments->Types(steps);
  if (types.empty()) return;
  for (const char* type : {"string", "number", "integer", "boolean"}) {
    if (types.contains(type)) return;
  }
  context.report.Error(field,
                       absl::StrCat(context.report.Quote(field, shown), " is of type ",
                                    absl::StrJoin(types, " or "), ", which cannot stand in a text"),
                       "name a string, number or boolean in it");
}

std::optional<TextTemplate> TemplateFrom(const CompileContext& context, absl::string_view field,
                                         absl::string_view text) {
  absl::string_view name = text;
  if (absl::ConsumePrefix(&name, "$.")) {
    CheckNotMeant(context, field, {text, name, absl::StrCat("{", name, "}")});
  }
  absl::StatusOr<TextTemplate> parsed = TextTemplate::Parse(text);
  if (!parsed.ok()) {
    context.report.Error(field, std::string(parsed.status().message()),
                         "write {name} for an argument, {{ and }} for braces");
    return std::nullopt;
  }
  for (const TextTemplate::Part& part : parsed->parts()) {
    if (part.path.empty()) continue;
    const SchemaArguments::Steps steps = StepsOfHole(part.path);
    const std::string shown = absl::StrCat("{", part.path, "}");
    CheckDeclared(context, field, steps, shown);
    CheckPlaceable(context, field, steps, shown);
  }
  return *std::move(parsed);
}

std::optional<JsonTemplate> JsonTemplateFrom(const CompileContext& context, absl::string_view field,
                                             const v1::ToolManifest::JsonValue& value) {
  if (context.report.HasErrorAt(field)) return std::nullopt;
  Json json = Json::parse(value.json(), nullptr, /*allow_exceptions=*/false);
  CheckTemplatePaths(context, std::string(field), json);
  if (context.report.HasErrorAt(field)) return std::nullopt;
  absl::StatusOr<JsonTemplate> parsed = JsonTemplate::Parse(std::move(json));
  if (parsed.ok()) return *std::move(parsed);
  context.report.Error(field, "is no JSON template", "");
  return std::nullopt;
}

}  // namespace onetake
