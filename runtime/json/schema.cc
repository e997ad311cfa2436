#include "runtime/json/schema.h"

// Without this, valijson prints and aborts where it would throw.
#define VALIJSON_USE_EXCEPTIONS 1

#include <cmath>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/constraint_builder.hpp>
#include <valijson/constraints/concrete_constraints.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/json/explain.h"
#include "runtime/json/schema_lint.h"

namespace onetake {
namespace {

// valijson decides, except where it decides wrongly or dies: `pattern` goes through std::regex,
// whose stack a string of 32 KB overflows; `multipleOf` takes 2.5 for a multiple of 1;
// `uniqueItems` is quadratic. These three move into a keyword of ours, for which it calls back;
// this is its name.
constexpr char kOurs[] = "x-onetake";
constexpr const char* kOurKeywords[] = {"multipleOf", "pattern", "uniqueItems"};

// The value that an adapter wraps: our rules are told of nothing else.
Json ToJson(const valijson::adapters::Adapter& value) {
  if (value.isString()) return value.getString();
  if (value.isBool()) return value.getBool();
  if (value.isInteger()) return value.getInteger();
  if (value.isDouble()) return value.getDouble();
  if (value.isArray()) {
    Json array = Json::array();
    value.applyToArray([&](const valijson::adapters::Adapter& element) {
      array.push_back(ToJson(element));
      return true;
    });
    return array;
  }
  if (value.isObject()) {
    Json object = Json::object();
    value.applyToObject([&](const std::string& name, const valijson::adapters::Adapter& member) {
      object[name] = ToJson(member);
      return true;
    });
    return object;
  }
  return nullptr;
}

class OurRule final : public valijson::constraints::PolyConstraint {
 public:
  OurRule(Json rule, const SchemaPatterns& patterns)
      : rule_(std::move(rule)), patterns_(&patterns) {}

  bool validate(const valijson::adapters::Adapter& target, const std::vector<std::string>&,
                valijson::ValidationResults*) const override {
    const auto violations = ExplainViolations(rule_, *patterns_, ToJson(target));
    return violations.has_value() && violations->empty();
  }

 private:
  Constraint* cloneInto(void* place) const override { return new (place) OurRule(*this); }
  size_t sizeOf() const override { return sizeof(OurRule); }

  Json rule_;
  const SchemaPatterns* patterns_;  // of the schema that owns this rule
};

class OurRuleBuilder final : public valijson::ConstraintBuilder {
 public:
  explicit OurRuleBuilder(const SchemaPatterns& patterns) : patterns_(patterns) {}
  valijson::constraints::Constraint* make(const valijson::adapters::Adapter& rule) const override {
    return new OurRule(ToJson(rule), patterns_);
  }

 private:
  const SchemaPatterns& patterns_;
};

// valijson takes 1.0 for no integer, and reads an unsigned integer beyond 2^63 as a negative one.
void NormalizeNumbers(Json& value) {
  constexpr double kTwo63 = 9223372036854775808.0;
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::floor(number) && number >= -kTwo63 && number < kTwo63) {
      value = static_cast<int64_t>(number);
    }
  } else if (value.is_number_unsigned() &&
             value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    value = value.get<double>();
  } else if (value.is_structured()) {
    for (Json& child : value) NormalizeNumbers(child);
  }
}

bool HoldsSchemasByName(const std::string& keyword) {
  return keyword == "properties" || keyword == "definitions" || keyword == "$defs" ||
         keyword == "dependencies";
}

bool HoldsValues(const std::string& keyword) {
  return keyword == "enum" || keyword == "const" || keyword == "default" || keyword == "examples" ||
         keyword == kOurs;
}

// The schema as valijson gets it. `format` is an annotation (draft 7 validation, section 7.2): an
// LLM's "2026-06-24 2pm" is for the normaliser to judge. `propertyNames` passed the lint, so it
// asks for nothing.
void PrepareForValijson(Json& schema) {
  if (schema.is_array()) {
    for (Json& one : schema) PrepareForValijson(one);
  }
  if (!schema.is_object()) return;
  schema.erase("format");
  schema.erase("propertyNames");
  schema.erase(kOurs);
  Json ours = Json::object();
  for (const char* const keyword : kOurKeywords) {
    const auto found = schema.find(keyword);
    if (found == schema.end()) continue;
    ours[keyword] = std::move(*found);
    schema.erase(found);
  }
  if (!ours.empty()) schema[kOurs] = std::move(ours);
  for (auto it = schema.begin(); it != schema.end(); ++it) {
    if (HoldsValues(it.key())) continue;
    if (HoldsSchemasByName(it.key()) && it.value().is_object()) {
      for (Json& named : it.value()) PrepareForValijson(named);
    } else {
      PrepareForValijson(it.value());
    }
  }
}

class Compiled final : public JsonSchema {
 public:
  explicit Compiled(Json document) : document_(std::move(document)) {}

  absl::Status Parse() {
    ONETAKE_RETURN_IF_ERROR(LintSchema(document_, patterns_));
    Json prepared = document_;
    PrepareForValijson(prepared);
    NormalizeNumbers(prepared);
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.addConstraintBuilder(kOurs, new OurRuleBuilder(patterns_));  // the parser owns it
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(prepared), schema_);
    return absl::OkStatus();
  }

  std::vector<Violation> Check(const Json& value) const override {
    try {
      // valijson has no bound of its own; where it takes long, the walk takes no fewer steps.
      std::optional<std::vector<Violation>> violations =
          ExplainViolations(document_, patterns_, value);
      if (!violations.has_value()) {
        return {
            {.path = "$", .reason = "is too large to be checked", .expected = {}, .shape = "$"}};
      }
      Json normalized = value;
      NormalizeNumbers(normalized);
      const valijson::adapters::NlohmannJsonAdapter target(normalized);
      valijson::Validator validator;
      if (validator.validate(schema_, target, nullptr)) return {};
      if (!violations->empty()) return *std::move(violations);
      return {{.path = "$", .reason = "does not match the schema", .expected = {}}};
    } catch (const std::exception&) {
      return {{.path = "$", .reason = "cannot be checked against the schema", .expected = {}}};
    }
  }

  const Json& document() const override { return document_; }

 private:
  const Json document_;
  SchemaPatterns patterns_;
  valijson::Schema schema_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const JsonSchema>> JsonSchema::Compile(Json document) {
  auto compiled = std::make_shared<Compiled>(std::move(document));
  try {
    ONETAKE_RETURN_IF_ERROR(compiled->Parse());
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("schema is malformed: ", error.what()));
  }
  return compiled;
}

}  // namespace onetake
