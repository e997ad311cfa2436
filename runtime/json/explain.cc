#include "runtime/json/explain.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace onetake {
namespace {

constexpr size_t kViolations = 8;
constexpr int kRefHops = 16;
constexpr int kDepth = 64;

const Json* Keyword(const Json& schema, const char* name) {
  const auto found = schema.find(name);
  return found == schema.end() ? nullptr : &*found;
}

std::string TypeName(const Json& value) {
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return value.type_name();
}

bool TypeFits(const std::string& type, const Json& value) {
  if (type == "number") return value.is_number();
  if (type == "integer") {
    return value.is_number_integer() ||
           (value.is_number_float() &&
            value.get<double>() == static_cast<double>(static_cast<int64_t>(value.get<double>())));
  }
  if (type == "null") return value.is_null();
  return type == value.type_name();
}

std::vector<std::string> Types(const Json& schema) {
  const Json* type = Keyword(schema, "type");
  if (type == nullptr) return {};
  if (type->is_string()) return {type->get<std::string>()};
  std::vector<std::string> types;
  for (const Json& one : *type) {
    if (one.is_string()) types.push_back(one.get<std::string>());
  }
  return types;
}

// What the schema asks for at a node: "string (format date-time)", "one of: a, b".
std::string Expected(const Json& schema) {
  if (const Json* allowed = Keyword(schema, "enum")) {
    return absl::StrCat(
        "one of: ", absl::StrJoin(*allowed, ", ", [](std::string* out, const Json& one) {
          absl::StrAppend(out, one.is_string() ? one.get<std::string>() : DumpJson(one));
        }));
  }
  std::string text = absl::StrJoin(Types(schema), " or ");
  for (const char* name : {"format", "pattern", "minimum", "maximum", "minLength", "maxLength"}) {
    const Json* keyword = Keyword(schema, name);
    if (keyword == nullptr) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", "(", name, " ",
                    keyword->is_string() ? keyword->get<std::string>() : DumpJson(*keyword), ")");
  }
  return text;
}

size_t CodePoints(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

class Walk {
 public:
  explicit Walk(const Json& document) : document_(document) {}

  void Visit(const Json& schema_or_ref, const Json& value, const std::string& path, int depth) {
    const Json* schema = ResolveLocalRef(document_, schema_or_ref);
    if (schema == nullptr || !schema->is_object() || depth > kDepth) return;
    if (!CheckNode(*schema, value, path)) return;
    if (value.is_object()) VisitObject(*schema, value, path, depth);
    const Json* items = Keyword(*schema, "items");
    if (value.is_array() && items != nullptr && items->is_object()) {
      for (size_t i = 0; i < value.size(); ++i) {
        Visit(*items, value[i], absl::StrCat(path, "[", i, "]"), depth + 1);
      }
    }
  }

  std::vector<JsonSchema::Violation> Take() { return std::move(violations_); }

 private:
  void Add(const std::string& path, std::string reason, std::string expected) {
    if (violations_.size() < kViolations) {
      violations_.push_back({path, std::move(reason), std::move(expected)});
    }
  }

  // False when what lies below the node need not be looked at.
  bool CheckNode(const Json& schema, const Json& value, const std::string& path) {
    const std::vector<std::string> types = Types(schema);
    if (!types.empty() && std::none_of(types.begin(), types.end(), [&](const std::string& type) {
          return TypeFits(type, value);
        })) {
      Add(path, absl::StrCat("must be ", absl::StrJoin(types, " or "), ", not ", TypeName(value)),
          Expected(schema));
      return false;
    }
    if (const Json* allowed = Keyword(schema, "enum");
        allowed != nullptr &&
        std::find(allowed->begin(), allowed->end(), value) == allowed->end()) {
      Add(path, "is not one of the allowed values", Expected(schema));
      return false;
    }
    if (const Json* only = Keyword(schema, "const"); only != nullptr && *only != value) {
      Add(path, "is not the only allowed value", DumpJson(*only));
      return false;
    }
    if (value.is_string())
      CheckBounds(schema, path, "minLength", "maxLength",
                  static_cast<double>(CodePoints(value.get_ref<const std::string&>())),
                  "is too short", "is too long");
    if (value.is_array())
      CheckBounds(schema, path, "minItems", "maxItems", static_cast<double>(value.size()),
                  "has too few elements", "has too many elements");
    if (value.is_number())
      CheckBounds(schema, path, "minimum", "maximum", value.get<double>(), "is too small",
                  "is too big");
    return true;
  }

  void CheckBounds(const Json& schema, const std::string& path, const char* low, const char* high,
                   double measure, const char* too_low, const char* too_high) {
    const Json* minimum = Keyword(schema, low);
    const Json* maximum = Keyword(schema, high);
    if (minimum != nullptr && minimum->is_number() && measure < minimum->get<double>()) {
      Add(path, too_low, absl::StrCat(low, " ", DumpJson(*minimum)));
    }
    if (maximum != nullptr && maximum->is_number() && measure > maximum->get<double>()) {
      Add(path, too_high, absl::StrCat(high, " ", DumpJson(*maximum)));
    }
  }

  void VisitObject(const Json& schema, const Json& value, const std::string& path, int depth) {
    static const Json kNone = Json::object();
    const Json* declared = Keyword(schema, "properties");
    const Json& properties = declared != nullptr && declared->is_object() ? *declared : kNone;
    if (const Json* required = Keyword(schema, "required");
        required != nullptr && required->is_array()) {
      for (const Json& name : *required) {
        if (!name.is_string() || value.contains(name.get<std::string>())) continue;
        const auto property = properties.find(name.get<std::string>());
        const Json* about =
            property == properties.end() ? nullptr : ResolveLocalRef(document_, *property);
        Add(absl::StrCat(path, ".", name.get<std::string>()), "is required",
            about == nullptr ? "" : Expected(*about));
      }
    }
    const Json* additional = Keyword(schema, "additionalProperties");
    const bool closed = additional != nullptr && additional->is_boolean() &&
                        !additional->get<bool>() && Keyword(schema, "patternProperties") == nullptr;
    for (auto it = value.begin(); it != value.end(); ++it) {
      const std::string below = absl::StrCat(path, ".", absl::string_view(it.key()).substr(0, 64));
      const auto property = properties.find(it.key());
      if (property != properties.end()) {
        Visit(*property, it.value(), below, depth + 1);
      } else if (closed) {
        Add(below, "is not a known argument", absl::StrCat("one of: ", KnownNames(properties)));
      }
    }
  }

  static std::string KnownNames(const Json& properties) {
    std::vector<std::string> names;
    for (auto it = properties.begin(); it != properties.end(); ++it) names.push_back(it.key());
    return absl::StrJoin(names, ", ");
  }

  const Json& document_;
  std::vector<JsonSchema::Violation> violations_;
};

}  // namespace

const Json* ResolveLocalRef(const Json& document, const Json& schema) {
  const Json* at = &schema;
  for (int hop = 0; hop < kRefHops; ++hop) {
    const auto ref = at->is_object() ? at->find("$ref") : at->end();
    if (!at->is_object() || ref == at->end()) return at;
    if (!ref->is_string()) return nullptr;
    const std::string& text = ref->get_ref<const std::string&>();
    if (text == "#") {
      at = &document;
      continue;
    }
    if (!absl::StartsWith(text, "#/")) return nullptr;
    try {
      const Json::json_pointer pointer(text.substr(1));
      if (!document.contains(pointer)) return nullptr;
      at = &document.at(pointer);
    } catch (const Json::exception&) {
      return nullptr;
    }
  }
  return nullptr;
}

std::vector<JsonSchema::Violation> ExplainViolations(const Json& document, const Json& value) {
  Walk walk(document);
  walk.Visit(document, value, "$", 0);
  return walk.Take();
}

}  // namespace onetake
