#include <gtest/gtest.h>

#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/json/explain.h"
#include "runtime/json/schema.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using onetake::testing::IsOk;

// Small schemas and values that often meet: few names, few constants, few types.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Json Value(int depth) {
    switch (Below(depth > 0 ? 8 : 6)) {
      case 0: return nullptr;
      case 1: return Below(2) == 0;
      case 2: return Below(4) - 1;
      case 3: return (Below(8) - 2) * 0.5;
      case 4: return Text();
      case 5: return Json(Below(3)).get<uint64_t>();
      case 6: {
        Json list = Json::array();
        for (int i = Below(4); i > 0; --i) list.push_back(Value(depth - 1));
        return list;
      }
      default: {
        Json object = Json::object();
        for (int i = Below(4); i > 0; --i) object[Name()] = Value(depth - 1);
        return object;
      }
    }
  }

  Json Schema(int depth) {
    if (Below(12) == 0) return Below(2) == 0;
    if (Below(12) == 0)
      return Json{{"$ref", Below(2) == 0 ? "#/definitions/d" : "#/definitions/e"}};
    Json schema = Json::object();
    for (int i = Below(3); i >= 0; --i) AddKeyword(schema, depth);
    return schema;
  }

 private:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  std::string Name() { return std::string(1, static_cast<char>('a' + Below(3))); }
  std::string Text() { return std::string(Below(4), static_cast<char>('a' + Below(2))); }
  std::string Type() {
    static const std::vector<std::string> types = {"array",  "boolean", "integer", "null",
                                                   "number", "object",  "string"};
    return types[Below(7)];
  }
  Json Schemas(int depth) {
    Json list = Json::array();
    for (int i = Below(3); i >= 0; --i) list.push_back(Schema(depth));
    return list;
  }

  void AddKeyword(Json& schema, int depth) {
    switch (Below(depth > 0 ? 26 : 15)) {
      case 0: schema["type"] = Type(); break;
      case 1: schema["type"] = Json::array({"string", "null"}); break;
      case 2: schema["enum"] = Json::array({Value(1), Value(1)}); break;
      case 3: schema["const"] = Value(1); break;
      case 4: schema["minimum"] = Below(3); break;
      case 5: schema["maximum"] = Below(3) * 0.5; break;
      case 6: schema["exclusiveMinimum"] = Below(3); break;
      case 7: schema["exclusiveMaximum"] = Below(3); break;
      case 8: schema["multipleOf"] = Below(2) == 0 ? Json(2) : Json(0.5); break;
      case 9: schema[Below(2) == 0 ? "minLength" : "maxLength"] = Below(3); break;
      case 10: schema["pattern"] = Below(2) == 0 ? "^a+$" : "b"; break;
      case 11: schema[Below(2) == 0 ? "minItems" : "maxItems"] = Below(3); break;
      case 12: schema["uniqueItems"] = Below(2) == 0; break;
      case 13: schema[Below(2) == 0 ? "minProperties" : "maxProperties"] = Below(3); break;
      case 14: schema["required"] = Json::array({Name()}); break;
      case 15: schema["items"] = Schema(depth - 1); break;
      case 16:
        schema["items"] = Schemas(depth - 1);
        if (Below(2) == 0) schema["additionalItems"] = Schema(depth - 1);
        break;
      case 17: schema["contains"] = Schema(depth - 1); break;
      case 18:
      case 19: schema["properties"][Name()] = Schema(depth - 1); break;
      case 20: schema["additionalProperties"] = Schema(depth - 1); break;
      case 21:
        schema["dependencies"][Name()] = Below(2) == 0 ? Json::array({Name()}) : Schema(depth - 1);
        break;
      case 22: schema["not"] = Schema(depth - 1); break;
      case 23: schema[Below(2) == 0 ? "anyOf" : "oneOf"] = Schemas(depth - 1); break;
      case 24: schema["allOf"] = Schemas(depth - 1); break;
      default:
        schema["if"] = Schema(depth - 1);
        schema["then"] = Schema(depth - 1);
        if (Below(2) == 0) schema["else"] = Schema(depth - 1);
    }
  }

  std::mt19937 random_;
};

// valijson decides and the walk explains: each is the other's test.
TEST(ExplainViolationsTest, FindsFaultWhereTheValidatorDoesAndNowhereElse) {
  int compiled = 0;
  int refused = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Generator generator(seed);
    const Json document = {
        {"type", "object"},
        {"properties", {{"v", generator.Schema(3)}}},
        {"definitions", {{"d", generator.Schema(0)}, {"e", {{"type", "string"}}}}}};
    const auto schema = JsonSchema::Compile(document);
    if (!schema.ok()) continue;  // a reference that does not end
    ++compiled;
    SchemaPatterns patterns;
    ASSERT_THAT(LintSchema(document, patterns), IsOk());
    for (int i = 0; i < 10; ++i) {
      const Json value = {{"v", generator.Value(3)}};
      const std::vector<JsonSchema::Violation> verdict = (*schema)->Check(value);
      const bool explained = !ExplainViolations(document, patterns, value).value().empty();
      ASSERT_EQ(explained, !verdict.empty()) << "seed " << seed << "\n"
                                             << document << "\n"
                                             << value;
      refused += verdict.empty() ? 0 : 1;
      if (!verdict.empty()) {
        EXPECT_NE(verdict[0].reason, "does not match the schema");
      }
    }
  }
  // The generator must reach both verdicts, often.
  EXPECT_GT(compiled, 2500);
  EXPECT_GT(refused, compiled * 3);
  EXPECT_LT(refused, compiled * 7);
}

// What is kept of a violation holds no name that the value made up.
TEST(ExplainShapeTest, HasOnlyNamesThatTheSchemaHas) {
  const Json document = Json::parse(R"({"type":"object","required":["slot"],
      "additionalProperties":false,"properties":{"slot":{"type":"string"},
      "guests":{"type":"array","items":{"type":"object","additionalProperties":{"type":"integer"},
      "properties":{"age":{"type":"integer"}}}}}})");
  const auto schema = JsonSchema::Compile(document);
  ASSERT_THAT(schema, IsOk());
  for (const auto& [value, path, shape] : {
           std::tuple{R"({})", "$.slot", "$.slot"},
           std::tuple{R"({"slot":5})", "$.slot", "$.slot"},
           std::tuple{R"({"slot":"s","ann lee":1})", "$['ann lee']", "$.*"},
           std::tuple{R"({"slot":"s","guests":[{"age":"x"}]})", "$.guests[0].age",
                      "$.guests[0].age"},
           std::tuple{R"({"slot":"s","guests":[{},{"ann":"x"}]})", "$.guests[1].ann",
                      "$.guests[1].*"},
       }) {
    const std::vector<JsonSchema::Violation> violations = (*schema)->Check(Json::parse(value));
    ASSERT_EQ(violations.size(), 1U) << value;
    EXPECT_EQ(violations[0].path, path);
    EXPECT_EQ(violations[0].shape, shape);
  }
}

}  // namespace
}  // namespace onetake
