#include "runtime/json/schema_lint.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "runtime/json/schema_ref.h"

namespace onetake {
namespace {

constexpr int kSchemaDepth = 64;
constexpr std::array<absl::string_view, 7> kTypes = {"array",  "boolean", "integer", "null",
                                                     "number", "object",  "string"};

enum class Shape {
  kAnything,      // a remark or a value: not looked into
  kSchema,        // for the same value or a part of it, see LooksAtSameValue
  kSchemas,       // a list of schemas
  kSchemaMap,     // name -> schema
  kItems,         // a schema or a list of schemas
  kDependencies,  // name -> schema or list of names
  kNames,         // a list of different strings
  kText,          // a string
  kPattern,       // a regular expression
  kAnyName,       // a schema of names that every name fits
  kType,          // a type name or a list of them
  kValues,        // a list with at least one value
  kNumber,        //
  kPositive,      // a number above zero
  kCount,         // a whole number, not negative
  kFlag,          // true or false
  kReference,     // #/a/b
  kRootOnly,      // a string that only the root may carry
};

const std::map<absl::string_view, Shape>& Keywords() {
  static const auto* const keywords = new std::map<absl::string_view, Shape>{
      {"$comment", Shape::kAnything},
      {"$defs", Shape::kSchemaMap},
      {"$id", Shape::kRootOnly},
      {"$ref", Shape::kReference},
      {"$schema", Shape::kRootOnly},
      {"additionalItems", Shape::kSchema},
      {"additionalProperties", Shape::kSchema},
      {"allOf", Shape::kSchemas},
      {"anyOf", Shape::kSchemas},
      {"const", Shape::kAnything},
      {"contains", Shape::kSchema},
      {"contentEncoding", Shape::kAnything},
      {"contentMediaType", Shape::kAnything},
      {"default", Shape::kAnything},
      {"definitions", Shape::kSchemaMap},
      {"dependencies", Shape::kDependencies},
      {"deprecated", Shape::kAnything},
      {"description", Shape::kText},
      {"else", Shape::kSchema},
      {"enum", Shape::kValues},
      {"example", Shape::kAnything},
      {"examples", Shape::kAnything},
      {"exclusiveMaximum", Shape::kNumber},
      {"exclusiveMinimum", Shape::kNumber},
      {"format", Shape::kText},
      {"if", Shape::kSchema},
      {"items", Shape::kItems},
      {"maxItems", Shape::kCount},
      {"maxLength", Shape::kCount},
      {"maxProperties", Shape::kCount},
      {"maximum", Shape::kNumber},
      {"minItems", Shape::kCount},
      {"minLength", Shape::kCount},
      {"minProperties", Shape::kCount},
      {"minimum", Shape::kNumber},
      {"multipleOf", Shape::kPositive},
      {"not", Shape::kSchema},
      {"oneOf", Shape::kSchemas},
      {"pattern", Shape::kPattern},
      {"properties", Shape::kSchemaMap},
      {"propertyNames", Shape::kAnyName},
      {"readOnly", Shape::kAnything},
      {"required", Shape::kNames},
      {"then", Shape::kSchema},
      {"title", Shape::kText},
      {"type", Shape::kType},
      {"uniqueItems", Shape::kFlag},
      {"writeOnly", Shape::kAnything},
  };
  return *keywords;
}

// Keywords whose schemas look at the same value: through these alone, a schema must not come back
// to itself, or a check would not end.
bool LooksAtSameValue(absl::string_view keyword) {
  static constexpr std::array<absl::string_view, 9> kSameValue = {
      "$ref", "allOf", "anyOf", "dependencies", "else", "if", "not", "oneOf", "then"};
  return std::find(kSameValue.begin(), kSameValue.end(), keyword) != kSameValue.end();
}

// Whether a keyword may stand beside `$ref`, which in draft 7 hides everything else.
bool MayStandBesideReference(absl::string_view keyword) {
  return Keywords().at(keyword) == Shape::kAnything || Keywords().at(keyword) == Shape::kText ||
         Keywords().at(keyword) == Shape::kRootOnly || keyword == "$ref" ||
         keyword == "definitions" || keyword == "$defs";
}

// Why a keyword is refused. Ignoring it would let pass what the schema's author meant to refuse.
std::string Refusal(absl::string_view keyword) {
  static const auto* const advice = new std::map<absl::string_view, absl::string_view>{
      {"$anchor", "refer by #/definitions/NAME"},
      {"dependentRequired", "use dependencies"},
      {"dependentSchemas", "use dependencies"},
      {"id", "use $id"},
      {"nullable", "use type: [TYPE, null]"},
      {"patternProperties", "list the names under properties, or use additionalProperties"},
      {"prefixItems", "use items with a list"},
      {"unevaluatedProperties", "use additionalProperties"},
  };
  const auto found = advice->find(keyword);
  if (found != advice->end()) return absl::StrCat("cannot be checked: ", found->second);
  return "is not in draft 7 of JSON Schema; begin the names of your own remarks with x-";
}

absl::Status Fault(absl::string_view at, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("schema, at ", at, ": ", reason));
}

std::string Below(absl::string_view at, absl::string_view name) {
  return absl::StrCat(at, "/", absl::StrReplaceAll(name, {{"~", "~0"}, {"/", "~1"}}));
}

// ECMA 262 writes a code point as \u00e9, RE2 as \x{00e9}.
std::string ToRe2(absl::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    out.push_back(pattern[i]);
    if (pattern[i] != '\\' || i + 1 == pattern.size()) continue;
    ++i;
    if (pattern[i] == 'u' && i + 4 < pattern.size()) {
      absl::StrAppend(&out, "x{", pattern.substr(i + 1, 4), "}");
      i += 4;
    } else {
      out.push_back(pattern[i]);
    }
  }
  return out;
}

class Lint {
 public:
  Lint(const Json& root, SchemaPatterns& patterns) : root_(root), patterns_(patterns) {}
  absl::Status Run();

 private:
  absl::Status Schema(const Json& schema, const std::string& at, int depth);
  absl::Status Keyword(const Json& schema, absl::string_view keyword, const std::string& at,
                       int depth);
  absl::Status SchemaList(const Json& list, const std::string& at, int depth);
  absl::Status SchemaMap(const Json& map, const std::string& at, int depth);
  absl::Status AnyName(const Json& rule, const std::string& at);
  absl::Status Dependencies(const Json& map, const std::string& at, int depth);
  absl::Status Names(const Json& list, const std::string& at);
  absl::Status Type(const Json& type, const std::string& at);
  absl::Status Pattern(const std::string& pattern, const std::string& at);
  absl::Status Reference(const Json& schema, const std::string& at);
  absl::Status Scalar(const Json& value, Shape shape, const std::string& at);
  absl::Status Ends(const Json* schema, std::set<const Json*>& open);

  const Json& root_;
  SchemaPatterns& patterns_;
  std::map<const Json*, std::string> seen_;  // schema -> its pointer
  std::vector<std::pair<const Json*, std::string>> referenced_;
  std::map<const Json*, std::vector<const Json*>> same_value_;
  std::set<const Json*> ends_;  // schemas known to come to an end
};

absl::Status Lint::Run() {
  ONETAKE_RETURN_IF_ERROR(Schema(root_, "#", 0));
  // A reference may lead to a place that is not a schema by its position.
  for (size_t i = 0; i < referenced_.size(); ++i) {
    const auto [target, pointer] = referenced_[i];
    if (!seen_.contains(target)) ONETAKE_RETURN_IF_ERROR(Schema(*target, pointer, 0));
  }
  for (const auto& [schema, at] : seen_) {
    std::set<const Json*> open;
    ONETAKE_RETURN_IF_ERROR(Ends(schema, open));
  }
  const Json& described = *ResolveLocalRef(root_, root_);
  if (!described.is_object() || described.value("type", Json()) != Json("object")) {
    return Fault("#", "the root must have type: object, since arguments are an object");
  }
  return absl::OkStatus();
}

absl::Status Lint::Schema(const Json& schema, const std::string& at, int depth) {
  if (depth > kSchemaDepth) {
    return Fault(at, absl::StrCat("is nested deeper than ", kSchemaDepth, " levels"));
  }
  seen_.emplace(&schema, at);
  if (schema.is_boolean()) return absl::OkStatus();
  if (!schema.is_object()) return Fault(at, "must be a schema: an object, true or false");
  for (const auto& [keyword, value] : schema.items()) {
    if (absl::StartsWith(keyword, "x-")) continue;
    if (!Keywords().contains(keyword)) {
      return Fault(Below(at, keyword), Refusal(keyword));
    }
    if (schema.contains("$ref") && !MayStandBesideReference(keyword)) {
      return Fault(Below(at, keyword), "has no effect beside $ref: put both into allOf");
    }
    ONETAKE_RETURN_IF_ERROR(Keyword(schema, keyword, Below(at, keyword), depth + 1));
  }
  if (!schema.contains("if") && (schema.contains("then") || schema.contains("else"))) {
    return Fault(at, "then and else have no effect without if");
  }
  if (schema.contains("additionalItems") && !schema.value("items", Json()).is_array()) {
    return Fault(at, "additionalItems has no effect unless items is a list");
  }
  return absl::OkStatus();
}

absl::Status Lint::Keyword(const Json& schema, absl::string_view keyword, const std::string& at,
                           int depth) {
  const Json& value = schema.at(std::string(keyword));
  if (LooksAtSameValue(keyword) && keyword != "$ref") {
    std::vector<const Json*>& next = same_value_[&schema];
    if (value.is_array() || keyword == "dependencies") {
      for (const Json& child : value) next.push_back(&child);
    } else {
      next.push_back(&value);
    }
  }
  switch (Keywords().at(keyword)) {
    case Shape::kAnything: return absl::OkStatus();
    case Shape::kSchema: return Schema(value, at, depth);
    case Shape::kSchemas: return SchemaList(value, at, depth);
    case Shape::kSchemaMap: return SchemaMap(value, at, depth);
    case Shape::kItems:
      return value.is_array() ? SchemaList(value, at, depth) : Schema(value, at, depth);
    case Shape::kDependencies: return Dependencies(value, at, depth);
    case Shape::kNames: return Names(value, at);
    case Shape::kAnyName: return AnyName(value, at);
    case Shape::kType: return Type(value, at);
    case Shape::kReference: return Reference(schema, at);
    case Shape::kRootOnly:
      if (&schema != &root_) return Fault(at, "only the root may have it");
      return Scalar(value, Shape::kText, at);
    default: return Scalar(value, Keywords().at(keyword), at);
  }
}

absl::Status Lint::Scalar(const Json& value, Shape shape, const std::string& at) {
  switch (shape) {
    case Shape::kText: return value.is_string() ? absl::OkStatus() : Fault(at, "must be a string");
    case Shape::kPattern:
      if (!value.is_string()) return Fault(at, "must be a string");
      return Pattern(value.get<std::string>(), at);
    case Shape::kValues:
      return value.is_array() && !value.empty() ? absl::OkStatus()
                                                : Fault(at, "must be a list of allowed values");
    case Shape::kNumber:
      return value.is_number() ? absl::OkStatus() : Fault(at, "must be a number");
    case Shape::kPositive:
      return value.is_number() && value.get<double>() > 0
                 ? absl::OkStatus()
                 : Fault(at, "must be a number above zero");
    case Shape::kCount:
      return value.is_number_integer() && value.get<double>() >= 0
                 ? absl::OkStatus()
                 : Fault(at, "must be a whole number, not negative");
    default: return value.is_boolean() ? absl::OkStatus() : Fault(at, "must be true or false");
  }
}

absl::Status Lint::SchemaList(const Json& list, const std::string& at, int depth) {
  if (!list.is_array() || list.empty()) return Fault(at, "must be a list of schemas, not empty");
  for (size_t i = 0; i < list.size(); ++i) {
    ONETAKE_RETURN_IF_ERROR(Schema(list[i], Below(at, absl::StrCat(i)), depth + 1));
  }
  return absl::OkStatus();
}

absl::Status Lint::SchemaMap(const Json& map, const std::string& at, int depth) {
  if (!map.is_object()) return Fault(at, "must map names to schemas");
  for (const auto& [name, schema] : map.items()) {
    ONETAKE_RETURN_IF_ERROR(Schema(schema, Below(at, name), depth + 1));
  }
  return absl::OkStatus();
}

// Names are strings anyway, so this much asks for nothing; valijson confuses more than this with
// the schema that it stands in.
absl::Status Lint::AnyName(const Json& rule, const std::string& at) {
  if (rule == Json(true) || rule == Json::object() || rule == Json{{"type", "string"}}) {
    return absl::OkStatus();
  }
  return Fault(at, "cannot be checked beyond { type: string }: list the names under properties");
}

absl::Status Lint::Dependencies(const Json& map, const std::string& at, int depth) {
  if (!map.is_object()) return Fault(at, "must map names to schemas or lists of names");
  for (const auto& [name, rule] : map.items()) {
    const std::string below = Below(at, name);
    ONETAKE_RETURN_IF_ERROR(rule.is_array() ? Names(rule, below) : Schema(rule, below, depth + 1));
  }
  return absl::OkStatus();
}

absl::Status Lint::Names(const Json& list, const std::string& at) {
  if (!list.is_array()) return Fault(at, "must be a list of names");
  std::set<std::string> names;
  for (const Json& name : list) {
    if (!name.is_string()) return Fault(at, "must be a list of names");
    if (!names.insert(name.get<std::string>()).second) return Fault(at, "has a name twice");
  }
  return absl::OkStatus();
}

absl::Status Lint::Type(const Json& type, const std::string& at) {
  const Json list = type.is_array() ? type : Json::array({type});
  const bool known = std::all_of(list.begin(), list.end(), [](const Json& name) {
    return name.is_string() && std::find(kTypes.begin(), kTypes.end(),
                                         name.get_ref<const std::string&>()) != kTypes.end();
  });
  if (list.empty() || !known) {
    return Fault(at, absl::StrCat("must be one or more of: ", absl::StrJoin(kTypes, ", ")));
  }
  return Names(list, at);
}

absl::Status Lint::Pattern(const std::string& pattern, const std::string& at) {
  RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_unique<const RE2>(ToRe2(pattern), options);
  if (!compiled->ok()) {
    return Fault(at, absl::StrCat("is no regular expression that RE2 takes (it has no look-around "
                                  "and no back-references): ",
                                  compiled->error()));
  }
  patterns_.emplace(pattern, std::move(compiled));
  return absl::OkStatus();
}

absl::Status Lint::Reference(const Json& schema, const std::string& at) {
  const Json& reference = schema.at("$ref");
  if (!reference.is_string()) return Fault(at, "must be a string");
  const std::string& text = reference.get_ref<const std::string&>();
  if (!absl::StartsWith(text, "#")) {
    return Fault(at, "must point inside this document: #/definitions/NAME");
  }
  const Json* const target = ResolveLocalRef(root_, schema);
  if (target == nullptr) return Fault(at, "leads to no schema in this document");
  referenced_.emplace_back(target, text);
  same_value_[&schema].push_back(target);
  return absl::OkStatus();
}

absl::Status Lint::Ends(const Json* schema, std::set<const Json*>& open) {
  if (ends_.contains(schema)) return absl::OkStatus();
  if (!open.insert(schema).second) {
    return Fault(seen_[schema], "refers to itself without going deeper into the value");
  }
  const auto next = same_value_.find(schema);
  if (next != same_value_.end()) {
    for (const Json* const child : next->second) ONETAKE_RETURN_IF_ERROR(Ends(child, open));
  }
  open.erase(schema);
  ends_.insert(schema);
  return absl::OkStatus();
}

}  // namespace

absl::Status LintSchema(const Json& root, SchemaPatterns& patterns) {
  return Lint(root, patterns).Run();
}

}  // namespace onetake
