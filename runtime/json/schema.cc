#include "runtime/json/schema.h"

// Without it valijson prints and aborts where it would throw.
#define VALIJSON_USE_EXCEPTIONS 1

#include <exception>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/json/explain.h"

namespace onetake {
namespace {

// Keywords of later drafts, which a draft 7 validator would pass over in silence.
constexpr const char* kLaterKeywords[] = {
    "unevaluatedProperties", "unevaluatedItems", "dependentRequired",
    "dependentSchemas",      "prefixItems",      "minContains",
    "maxContains",           "$dynamicRef",      "$recursiveRef"};

absl::Status CheckNode(const Json& document, const Json& schema, const std::string& path) {
  if (schema.is_array()) {
    for (size_t i = 0; i < schema.size(); ++i) {
      ONETAKE_RETURN_IF_ERROR(CheckNode(document, schema[i], absl::StrCat(path, "[", i, "]")));
    }
    return absl::OkStatus();
  }
  if (!schema.is_object()) return absl::OkStatus();
  for (const char* keyword : kLaterKeywords) {
    if (schema.contains(keyword)) {
      return absl::InvalidArgumentError(
          absl::StrCat("schema ", path, ": '", keyword, "' is not in draft 7"));
    }
  }
  if (const auto ref = schema.find("$ref"); ref != schema.end() && ref->is_string()) {
    if (ResolveLocalRef(document, schema) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "schema ", path,
          ": $ref must lead to a place in the same document, like #/definitions/name"));
    }
  }
  for (auto it = schema.begin(); it != schema.end(); ++it) {
    if (it.key() == "enum" || it.key() == "const" || it.key() == "default" ||
        it.key() == "examples")
      continue;
    ONETAKE_RETURN_IF_ERROR(CheckNode(document, it.value(), absl::StrCat(path, ".", it.key())));
  }
  return absl::OkStatus();
}

bool HoldsSchemasByName(const std::string& keyword) {
  return keyword == "properties" || keyword == "definitions" || keyword == "patternProperties" ||
         keyword == "dependencies";
}

// `format` is an annotation here (draft 7 validation, section 7.2): an LLM's "2026-06-24 2pm" is
// for the normaliser to judge.
void DropFormats(Json& schema) {
  if (schema.is_array()) {
    for (Json& one : schema) DropFormats(one);
  }
  if (!schema.is_object()) return;
  if (const auto format = schema.find("format"); format != schema.end() && format->is_string())
    schema.erase(format);
  for (auto it = schema.begin(); it != schema.end(); ++it) {
    if (it.key() == "enum" || it.key() == "const" || it.key() == "default") continue;
    if (HoldsSchemasByName(it.key()) && it.value().is_object()) {
      for (Json& named : it.value()) DropFormats(named);
    } else {
      DropFormats(it.value());
    }
  }
}

// "<root>", "[slot]", "[0]" to "$.slot[0]".
std::string PathOf(const std::vector<std::string>& context) {
  std::string path = "$";
  for (const std::string& step : context) {
    if (step.size() < 2 || step.front() != '[') continue;
    const std::string name = step.substr(1, step.size() - 2);
    const bool index = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    absl::StrAppend(&path, index ? absl::StrCat("[", name, "]") : absl::StrCat(".", name));
  }
  return path;
}

class Compiled final : public JsonSchema {
 public:
  explicit Compiled(Json document) : document_(std::move(document)) {}

  absl::Status Parse() {
    Json checked = document_;
    DropFormats(checked);
    try {
      valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
      parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(checked), schema_);
    } catch (const std::exception& error) {
      return absl::InvalidArgumentError(absl::StrCat("schema is malformed: ", error.what()));
    }
    return absl::OkStatus();
  }

  std::vector<Violation> Check(const Json& value) const override {
    valijson::ValidationResults results;
    try {
      valijson::Validator validator;
      if (validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(value), &results))
        return {};
    } catch (const std::exception&) {
      return {{.path = "$", .reason = "cannot be checked against the schema", .expected = ""}};
    }
    std::vector<Violation> violations = ExplainViolations(document_, value);
    if (!violations.empty()) return violations;
    // A combinator: the validator knows the place, the library's words would only confuse.
    std::string deepest = "$";
    size_t depth = 0;
    for (const auto& error : results) {
      if (error.context.size() > depth) {
        depth = error.context.size();
        deepest = PathOf(error.context);
      }
    }
    return {{.path = deepest, .reason = "does not match the schema", .expected = ""}};
  }

  const Json& document() const override { return document_; }

 private:
  const Json document_;
  valijson::Schema schema_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const JsonSchema>> JsonSchema::Compile(Json document) {
  if (!document.is_object()) return absl::InvalidArgumentError("schema: must be an object");
  const auto type = document.find("type");
  if (type == document.end() || *type != "object") {
    return absl::InvalidArgumentError("schema: the root needs \"type\": \"object\"");
  }
  ONETAKE_RETURN_IF_ERROR(CheckNode(document, document, "$"));
  auto compiled = std::make_shared<Compiled>(std::move(document));
  ONETAKE_RETURN_IF_ERROR(compiled->Parse());
  return compiled;
}

}  // namespace onetake
