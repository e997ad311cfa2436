#include "runtime/json/explain.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/json/explain_text.h"
#include "runtime/json/path_text.h"
#include "runtime/json/schema_ref.h"

namespace onetake {
namespace {

constexpr size_t kViolationsMax = 8;
constexpr size_t kFindingsMax = 64;    // collected before the most specific ones are chosen
constexpr size_t kStepsMax = 200'000;  // schemas applied to values in one check
constexpr size_t kSizePerStep = 64;    // bytes of a text, elements of a list
constexpr int kDepthMax = 512;         // levels of the value; ParseJson lets far less in
constexpr size_t kKnownNamesMax = 20;

size_t CodePoints(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// x86-64's long double holds every int64, uint64 and double exactly.
long double Exact(const Json& number) {
  switch (number.type()) {
    case Json::value_t::number_unsigned: return number.get<uint64_t>();
    case Json::value_t::number_integer: return number.get<int64_t>();
    default: return number.get<double>();
  }
}

bool IsMultiple(const Json& number, const Json& divisor) {
  const long double value = Exact(number);
  const long double step = Exact(divisor);
  if (std::fmod(value, step) == 0) return true;
  // 19.99 is a multiple of 0.01 for everyone but the computer.
  if (step == std::floor(step)) return false;
  const long double ratio = value / step;
  return std::fabs(ratio - std::round(ratio)) <= std::fabs(ratio) * 1e-15L * 4 &&
         std::fabs(ratio) < 1e12L;
}

bool HasType(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "integer") {  // 1.0 is one; nothing beyond a signed 64 bit integer is, for valijson
    constexpr long double kTwo63 = 9223372036854775808.0L;
    if (!value.is_number()) return false;
    const long double number = Exact(value);
    return number == std::floor(number) && number >= -kTwo63 && number < kTwo63;
  }
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return value.is_null();
}

bool HasAnyType(const Json& value, const Json& type) {
  if (type.is_string()) return HasType(value, type.get_ref<const std::string&>());
  return std::any_of(type.begin(), type.end(), [&](const Json& name) {
    return HasType(value, name.get_ref<const std::string&>());
  });
}

// 1 and 1.0 are one value, at any depth: their canonical texts are equal.
bool IsOneOf(const Json& value, const Json& allowed) {
  const std::string text = CanonicalJson(value);
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const Json& entry) { return CanonicalJson(entry) == text; });
}

std::string KnownNames(const Json& schema) {
  if (!schema.contains("properties") || schema["properties"].empty()) return "none";
  std::vector<std::string> names;
  for (const auto& [name, unused] : schema["properties"].items()) names.push_back(name);
  const bool all = names.size() <= kKnownNamesMax;
  if (!all) names.resize(kKnownNamesMax);
  return absl::StrCat("one of: ", absl::StrJoin(names, ", "), all ? "" : ", ...");
}

// One walk of a schema beside one value. To be used once, on one thread.
class Walk {
 public:
  Walk(const Json& root, const SchemaPatterns& patterns) : root_(root), patterns_(patterns) {}

  std::optional<std::vector<JsonSchema::Violation>> Run(const Json& value);

 private:
  // Where in the value a schema is applied.
  struct Place {
    std::string path;
    std::string shape;  // the same, without names that the schema does not have
    int depth;

    Place Member(absl::string_view name) const;
    Place UnknownMember(absl::string_view name) const;
    Place Element(size_t index) const;
  };
  // What a violation says about a form of anyOf or oneOf: that the value is meant to be another
  // form, or that it is this form with a mistake in it.
  enum class Kind { kMistake, kOtherType, kOtherConstant };
  struct Found {
    JsonSchema::Violation violation;
    const Json* expected;  // to be described when it is told, which most are not; may be nullptr
    int depth;
    Kind kind;
  };
  using Findings = std::vector<Found>;

  void Check(const Json& schema, const Json& value, const Place& place, Findings& out);
  bool CheckKind(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckNumber(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckString(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckArray(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckItems(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckObject(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckMembers(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckDependencies(const Json& rules, const Json& value, const Place& place, Findings& out);
  void CheckCombined(const Json& schema, const Json& value, const Place& place, Findings& out);
  void CheckForms(const Json& schema, const char* keyword, const Json& value, const Place& place,
                  Findings& out);
  bool Fits(const Json& schema, const Json& value, const Place& place);

  // `schema` stays referred to.
  void Add(const Json& schema, const Place& place, std::string reason, Findings& out,
           Kind kind = Kind::kMistake);
  // Adds a violation when `size` is outside the bounds of two keywords.
  void CheckSize(const Json& schema, const char* low, const char* high, size_t size,
                 absl::string_view unit, const Place& place, Findings& out);

  const Json anything_ = true;  // the schema of a member that has none
  const Json& root_;
  const SchemaPatterns& patterns_;
  size_t steps_ = 0;
  bool gave_up_ = false;
};

Walk::Place Walk::Place::Member(absl::string_view name) const {
  Place place{.path = path, .shape = shape, .depth = depth + 1};
  AppendMember(name, place.path);
  AppendMember(name, place.shape);
  return place;
}

Walk::Place Walk::Place::UnknownMember(absl::string_view name) const {
  Place place{.path = path, .shape = shape + ".*", .depth = depth + 1};
  AppendMember(name, place.path);
  return place;
}

Walk::Place Walk::Place::Element(size_t index) const {
  Place place{.path = path, .shape = shape, .depth = depth + 1};
  AppendIndex(index, place.path);
  AppendIndex(index, place.shape);
  return place;
}

std::optional<std::vector<JsonSchema::Violation>> Walk::Run(const Json& value) {
  Findings findings;
  Check(root_, value, {.path = "$", .shape = "$", .depth = 0}, findings);
  if (gave_up_) return std::nullopt;
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Found& a, const Found& b) { return a.depth > b.depth; });
  std::vector<JsonSchema::Violation> violations;
  std::set<std::pair<std::string, std::string>> told;
  for (Found& found : findings) {
    JsonSchema::Violation& violation = found.violation;
    if (violations.size() == kViolationsMax) break;
    if (!told.emplace(violation.path, violation.reason).second) continue;
    if (found.expected != nullptr) violation.expected = DescribeSchema(root_, *found.expected);
    violations.push_back(std::move(violation));
  }
  return violations;
}

void Walk::Add(const Json& schema, const Place& place, std::string reason, Findings& out,
               Kind kind) {
  if (out.size() >= kFindingsMax) return;
  out.push_back({.violation = {.path = place.path,
                               .reason = std::move(reason),
                               .expected = {},
                               .shape = place.shape},
                 .expected = &schema,
                 .depth = place.depth,
                 .kind = kind});
}

void Walk::Check(const Json& reference, const Json& value, const Place& place, Findings& out) {
  const size_t size = value.is_string() ? value.get_ref<const std::string&>().size() : value.size();
  steps_ += 1 + size / kSizePerStep;
  if (steps_ > kStepsMax || place.depth > kDepthMax) gave_up_ = true;
  if (gave_up_) return;
  const Json& schema = *ResolveLocalRef(root_, reference);
  if (schema.is_boolean()) {
    if (!schema.get<bool>()) Add(schema, place, "is not allowed", out, Kind::kOtherType);
    return;
  }
  if (!CheckKind(schema, value, place, out)) return;
  if (value.is_number()) CheckNumber(schema, value, place, out);
  if (value.is_string()) CheckString(schema, value, place, out);
  if (value.is_array()) CheckArray(schema, value, place, out);
  if (value.is_object()) CheckObject(schema, value, place, out);
  CheckCombined(schema, value, place, out);
}

// False when the value is of another kind altogether, so that no more need be said.
bool Walk::CheckKind(const Json& schema, const Json& value, const Place& place, Findings& out) {
  if (schema.contains("type") && !HasAnyType(value, schema["type"])) {
    Add(schema, place, absl::StrCat("must be ", TypeInWords(schema["type"])), out,
        Kind::kOtherType);
    return false;
  }
  if (schema.contains("enum") && !IsOneOf(value, schema["enum"])) {
    const bool constant = schema["enum"].size() == 1;
    Add(schema, place, absl::StrCat("must be one of: ", ListValues(schema["enum"])), out,
        constant ? Kind::kOtherConstant : Kind::kMistake);
    return false;
  }
  if (schema.contains("const")) {
    const Json allowed = Json::array({schema["const"]});
    if (!IsOneOf(value, allowed)) {
      Add(schema, place, absl::StrCat("must be ", ListValues(allowed)), out, Kind::kOtherConstant);
      return false;
    }
  }
  return true;
}

void Walk::CheckNumber(const Json& schema, const Json& value, const Place& place, Findings& out) {
  const long double number = Exact(value);
  const auto unless = [&](bool fits, const char* keyword, absl::string_view reason) {
    if (!fits) Add(schema, place, absl::StrCat(reason, CanonicalJson(schema[keyword])), out);
  };
  const auto has = [&](const char* keyword) { return schema.contains(keyword); };
  const auto bound = [&](const char* keyword) { return Exact(schema[keyword]); };
  if (has("minimum")) unless(number >= bound("minimum"), "minimum", "must be at least ");
  if (has("maximum")) unless(number <= bound("maximum"), "maximum", "must be at most ");
  if (has("exclusiveMinimum")) {
    unless(number > bound("exclusiveMinimum"), "exclusiveMinimum", "must be more than ");
  }
  if (has("exclusiveMaximum")) {
    unless(number < bound("exclusiveMaximum"), "exclusiveMaximum", "must be less than ");
  }
  if (has("multipleOf")) {
    unless(IsMultiple(value, schema["multipleOf"]), "multipleOf", "must be a multiple of ");
  }
}

void Walk::CheckSize(const Json& schema, const char* low, const char* high, size_t size,
                     absl::string_view unit, const Place& place, Findings& out) {
  if (schema.contains(low) && size < Exact(schema[low])) {
    const std::string bound = CanonicalJson(schema[low]);
    Add(schema, place,
        bound == "1" ? "must not be empty" : absl::StrCat("must have at least ", bound, unit), out);
  }
  if (schema.contains(high) && size > Exact(schema[high])) {
    Add(schema, place, absl::StrCat("must have at most ", CanonicalJson(schema[high]), unit), out);
  }
}

void Walk::CheckString(const Json& schema, const Json& value, const Place& place, Findings& out) {
  const std::string& text = value.get_ref<const std::string&>();
  CheckSize(schema, "minLength", "maxLength", CodePoints(text), " characters", place, out);
  if (schema.contains("pattern")) {
    const std::string& pattern = schema["pattern"].get_ref<const std::string&>();
    if (!RE2::PartialMatch(text, *patterns_.at(pattern))) {
      Add(schema, place, absl::StrCat("must match the pattern ", pattern), out);
    }
  }
}

void Walk::CheckArray(const Json& schema, const Json& value, const Place& place, Findings& out) {
  CheckSize(schema, "minItems", "maxItems", value.size(), " elements", place, out);
  CheckItems(schema, value, place, out);
  if (schema.contains("uniqueItems") && schema["uniqueItems"].get<bool>()) {
    std::set<std::string> texts;
    for (const Json& element : value) texts.insert(CanonicalJson(element));
    if (texts.size() < value.size()) Add(schema, place, "must not have an element twice", out);
  }
  if (schema.contains("contains") &&
      std::none_of(value.begin(), value.end(), [&](const Json& element) {
        return Fits(schema["contains"], element, place.Element(0));
      })) {
    const std::string wanted = DescribeSchema(root_, schema["contains"]);
    Add(schema, place,
        absl::StrCat("must have an element that is ", wanted.empty() ? "as described" : wanted),
        out);
  }
}

void Walk::CheckItems(const Json& schema, const Json& value, const Place& place, Findings& out) {
  if (!schema.contains("items")) return;
  const Json& items = schema["items"];
  for (size_t i = 0; i < value.size(); ++i) {
    if (!items.is_array()) {
      Check(items, value[i], place.Element(i), out);
    } else if (i < items.size()) {
      Check(items[i], value[i], place.Element(i), out);
    } else if (schema.contains("additionalItems")) {
      Check(schema["additionalItems"], value[i], place.Element(i), out);
    }
  }
}

void Walk::CheckObject(const Json& schema, const Json& value, const Place& place, Findings& out) {
  CheckSize(schema, "minProperties", "maxProperties", value.size(), " members", place, out);
  if (schema.contains("required")) {
    for (const Json& entry : schema["required"]) {
      const std::string& name = entry.get_ref<const std::string&>();
      if (value.contains(name)) continue;
      const bool described = schema.contains("properties") && schema["properties"].contains(name);
      Add(described ? schema["properties"][name] : anything_, place.Member(name), "is required",
          out);
    }
  }
  CheckMembers(schema, value, place, out);
  if (schema.contains("dependencies")) {
    CheckDependencies(schema["dependencies"], value, place, out);
  }
}

void Walk::CheckMembers(const Json& schema, const Json& value, const Place& place, Findings& out) {
  for (const auto& [name, member] : value.items()) {
    if (schema.contains("properties") && schema["properties"].contains(name)) {
      Check(schema["properties"][name], member, place.Member(name), out);
      continue;
    }
    if (!schema.contains("additionalProperties")) continue;
    const Place inside = place.UnknownMember(name);
    const Json& rule = schema["additionalProperties"];
    if (rule != Json(false)) {
      Check(rule, member, inside, out);
    } else if (out.size() < kFindingsMax) {
      const absl::string_view what = inside.depth == 1 ? "argument" : "member";
      out.push_back({.violation = {.path = inside.path,
                                   .reason = absl::StrCat("is not a known ", what),
                                   .expected = KnownNames(schema),
                                   .shape = inside.shape},
                     .expected = nullptr,
                     .depth = inside.depth,
                     .kind = Kind::kMistake});
    }
  }
}

void Walk::CheckDependencies(const Json& rules, const Json& value, const Place& place,
                             Findings& out) {
  for (const auto& [name, rule] : rules.items()) {
    if (!value.contains(name)) continue;
    if (!rule.is_array()) {
      Check(rule, value, place, out);
      continue;
    }
    for (const Json& needed : rule) {
      const std::string& other = needed.get_ref<const std::string&>();
      if (value.contains(other)) continue;
      Add(anything_, place.Member(other),
          absl::StrCat("is required when ", place.Member(name).path, " is given"), out);
    }
  }
}

void Walk::CheckCombined(const Json& schema, const Json& value, const Place& place, Findings& out) {
  if (schema.contains("allOf")) {
    for (const Json& part : schema["allOf"]) Check(part, value, place, out);
  }
  for (const char* const keyword : {"anyOf", "oneOf"}) {
    if (schema.contains(keyword)) CheckForms(schema, keyword, value, place, out);
  }
  if (schema.contains("not") && Fits(schema["not"], value, place)) {
    const std::string unwanted = DescribeSchema(root_, schema["not"]);
    Add(schema, place,
        absl::StrCat("must not be ", unwanted.empty() ? "of the excluded form" : unwanted), out);
  }
  if (schema.contains("if")) {
    const char* const branch = Fits(schema["if"], value, place) ? "then" : "else";
    if (schema.contains(branch)) Check(schema[branch], value, place, out);
  }
}

bool Walk::Fits(const Json& schema, const Json& value, const Place& place) {
  Findings findings;
  Check(schema, value, place, findings);
  return findings.empty();
}

// When the value is clearly meant to be one of the forms, the mistakes in that are told; else the
// forms.
void Walk::CheckForms(const Json& schema, const char* keyword, const Json& value,
                      const Place& place, Findings& out) {
  size_t fitting = 0;
  std::vector<Findings> meant;
  for (const Json& form : schema[keyword]) {
    Findings findings;
    Check(form, value, place, findings);
    if (findings.empty()) ++fitting;
    const bool other = std::any_of(findings.begin(), findings.end(), [&](const Found& found) {
      const int below = found.depth - place.depth;
      return (found.kind == Kind::kOtherType && below == 0) ||
             (found.kind == Kind::kOtherConstant && below <= 1);
    });
    if (!other) meant.push_back(std::move(findings));
  }
  if (fitting == 1 || (fitting > 1 && keyword == std::string("anyOf"))) return;
  if (fitting > 1) {
    Add(schema, place, "must fit only one of the allowed forms, and fits several", out);
  } else if (meant.size() == 1) {
    std::move(meant[0].begin(), meant[0].end(), std::back_inserter(out));
  } else {
    const std::string forms = DescribeSchema(root_, Json{{keyword, schema[keyword]}});
    Add(schema, place,
        forms.empty() ? "fits none of the allowed forms" : absl::StrCat("must be ", forms), out,
        Kind::kOtherType);
  }
}

}  // namespace

std::optional<std::vector<JsonSchema::Violation>> ExplainViolations(const Json& document,
                                                                    const SchemaPatterns& patterns,
                                                                    const Json& value) {
  return Walk(document, patterns).Run(value);
}

}  // namespace onetake
