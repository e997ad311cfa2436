#include "runtime/json/explain_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/json/schema_ref.h"

namespace onetake {
namespace {

constexpr size_t kListBytesMax = 300;
constexpr int kDescribeDepth = 3;

// "1 to 5", "at least 1", "more than 0"; empty without a bound.
std::string Bounds(const Json& schema, const char* low, const char* high) {
  const bool has_low = schema.contains(low);
  const bool has_high = schema.contains(high);
  if (has_low && has_high) {
    return absl::StrCat(CanonicalJson(schema[low]), " to ", CanonicalJson(schema[high]));
  }
  if (has_low) return absl::StrCat("at least ", CanonicalJson(schema[low]));
  if (has_high) return absl::StrCat("at most ", CanonicalJson(schema[high]));
  return "";
}

std::string Details(const Json& schema) {
  std::vector<std::string> details;
  const auto add = [&](absl::string_view text, absl::string_view unit) {
    if (!text.empty()) details.push_back(absl::StrCat(text, unit));
  };
  if (schema.contains("format")) {
    add(absl::StrCat("format ", schema["format"].get_ref<const std::string&>()), "");
  }
  if (schema.contains("pattern")) {
    add(absl::StrCat("pattern ", schema["pattern"].get_ref<const std::string&>()), "");
  }
  add(Bounds(schema, "minLength", "maxLength"), " characters");
  add(Bounds(schema, "minimum", "maximum"), "");
  if (schema.contains("exclusiveMinimum")) {
    add(absl::StrCat("more than ", CanonicalJson(schema["exclusiveMinimum"])), "");
  }
  if (schema.contains("exclusiveMaximum")) {
    add(absl::StrCat("less than ", CanonicalJson(schema["exclusiveMaximum"])), "");
  }
  if (schema.contains("multipleOf")) {
    add(absl::StrCat("a multiple of ", CanonicalJson(schema["multipleOf"])), "");
  }
  add(Bounds(schema, "minItems", "maxItems"), " elements");
  return details.empty() ? "" : absl::StrCat(" (", absl::StrJoin(details, ", "), ")");
}

std::string Describe(const Json& root, const Json& reference, int depth) {
  const Json& schema = *ResolveLocalRef(root, reference);
  if (!schema.is_object() || depth > kDescribeDepth) return "";
  if (schema.contains("enum")) return absl::StrCat("one of: ", ListValues(schema["enum"]));
  if (schema.contains("const")) return ListValues(Json::array({schema["const"]}));
  if (schema.contains("type")) {
    const Json& type = schema["type"];
    const std::vector<std::string> names = type.is_array()
                                               ? type.get<std::vector<std::string>>()
                                               : std::vector<std::string>{type.get<std::string>()};
    return absl::StrCat(absl::StrJoin(names, " or "), Details(schema));
  }
  for (const char* const keyword : {"anyOf", "oneOf"}) {
    if (!schema.contains(keyword)) continue;
    std::vector<std::string> forms;
    for (const Json& form : schema[keyword]) forms.push_back(Describe(root, form, depth + 1));
    if (std::find(forms.begin(), forms.end(), "") == forms.end()) {
      return absl::StrJoin(forms, " or ");
    }
  }
  return "";
}

}  // namespace

std::string DescribeSchema(const Json& root, const Json& schema) {
  return Describe(root, schema, 0);
}

std::string ListValues(const Json& values) {
  std::string list;
  for (const Json& value : values) {
    if (!list.empty()) list.append(", ");
    if (list.size() > kListBytesMax) return list + "...";
    list.append(value.is_string() ? value.get<std::string>() : CanonicalJson(value));
  }
  return list;
}

std::string TypeInWords(const Json& type) {
  const Json types = type.is_array() ? type : Json::array({type});
  std::vector<std::string> words;
  for (const Json& entry : types) {
    const std::string name = entry.get<std::string>();
    const bool vowel = name == "array" || name == "object" || name == "integer";
    words.push_back(name == "null" ? name : absl::StrCat(vowel ? "an " : "a ", name));
  }
  return absl::StrJoin(words, " or ");
}

}  // namespace onetake
