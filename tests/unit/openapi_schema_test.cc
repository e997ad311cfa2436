// Schemas of descriptions as draft 7.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/json/schema.h"
#include "tests/testing/status_matchers.h"
#include "tools/openapi/key.h"
#include "tools/openapi/prose.h"
#include "tools/openapi/schema_convert.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using References = SchemaConverter::References;

struct Conversion {
  const char* name;
  const char* version;
  const char* schema;
  const char* expected;
  const char* note = "";
};
class SchemaConverterTest : public ::testing::TestWithParam<Conversion> {};

OpenApiDescription Describe(absl::string_view version, absl::string_view schemas) {
  return OpenApiDescription::Read(absl::StrCat(R"({"openapi": ")", version,
                                               R"(", "paths": {}, "components": {"schemas": )",
                                               schemas, "}}"))
      .value();
}

constexpr char kSchemas[] = R"({
  "Name": {"type": "string", "maxLength": 9},
  "Maybe": {"type": "string", "nullable": true},
  "Base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
  "Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}},
  "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}]}})";

TEST_P(SchemaConverterTest, SaysTheSameInDraft7) {
  const OpenApiDescription description = Describe(GetParam().version, kSchemas);
  SchemaGraph graph(description);
  SchemaConverter converter(description, graph, References::kInline);
  const absl::StatusOr<Json> converted = converter.Convert(Json::parse(GetParam().schema));
  EXPECT_THAT(converted, IsOkAndHolds(Json::parse(GetParam().expected)));
  if (*GetParam().note == '\0') {
    EXPECT_THAT(converter.notes(), IsEmpty());
  } else {
    EXPECT_THAT(converter.notes(), ElementsAre(GetParam().note));
  }
}

constexpr char k30[] = "3.0.3";
constexpr char k31[] = "3.1.0";

INSTANTIATE_TEST_SUITE_P(
    Table, SchemaConverterTest,
    ::testing::Values(
        Conversion{"Remarks", k30,
                   R"({"type": "string", "title": "T", "example": 1, "xml": {}, "x-a": 1,
                       "deprecated": true, "description": "d", "visibility": "P"})",
                   R"({"type": "string", "description": "d"})"},
        Conversion{"Nullable", k30, R"({"type": "string", "nullable": true, "enum": ["a"]})",
                   R"({"type": ["string", "null"], "enum": ["a", null]})"},
        Conversion{"NullableReference", k30,
                   R"({"nullable": true, "allOf": [{"$ref": "#/components/schemas/Name"}]})",
                   R"({"type": ["string", "null"], "maxLength": 9})"},
        Conversion{"NullableWithoutType", k30,
                   R"({"nullable": true, "oneOf": [{"type": "string"}]})",
                   R"({"anyOf": [{"oneOf": [{"type": "string"}]}, {"type": "null"}]})"},
        Conversion{
            "ExclusiveBooleans", k30,
            R"({"minimum": 1, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false})",
            R"({"exclusiveMinimum": 1, "maximum": 5})"},
        Conversion{"ExclusiveNumbers", k31, R"({"exclusiveMinimum": 1})",
                   R"({"exclusiveMinimum": 1})"},
        Conversion{"TypeList", k31, R"({"type": ["string", "null"], "examples": ["x"]})",
                   R"({"type": ["string", "null"]})"},
        Conversion{"Reference", k30, R"({"$ref": "#/components/schemas/Name", "description": "d"})",
                   R"({"type": "string", "maxLength": 9, "description": "d"})"},
        Conversion{"BesideAReference30", k30,
                   R"({"$ref": "#/components/schemas/Name", "maxLength": 3})",
                   R"({"type": "string", "maxLength": 9})"},
        Conversion{"BesideAReference31", k31,
                   R"({"$ref": "#/components/schemas/Name", "maxLength": 3})",
                   R"({"type": "string", "maxLength": 3})"},
        Conversion{
            "ReadOnly", k30,
            R"({"required": ["id", "b"], "properties": {
                       "id": {"type": "string", "readOnly": true}, "b": {"type": "string"}}})",
            R"({"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}})"},
        Conversion{"AllOf", k30,
                   R"({"allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object",
                       "required": ["b"],
                       "properties": {"a": {"minLength": 1}, "b": {"type": "number"}}}]})",
                   R"({"type": "object", "required": ["a", "b"], "properties": {
                       "a": {"type": "string", "minLength": 1}, "b": {"type": "number"}}})"},
        Conversion{"AllOfThatCannotMerge", k30,
                   R"({"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]})",
                   R"({"type": "string", "pattern": "a", "allOf": [{"pattern": "b"}]})"},
        Conversion{"Recursive", k30, R"({"$ref": "#/components/schemas/Node"})",
                   R"({"$ref": "#/definitions/Node"})"},
        Conversion{"LookAround", k30, R"x({"type": "string", "pattern": "^(?!a)"})x",
                   R"({"type": "string"})", "the schema's pattern is not checked here"},
        Conversion{"Tuple", k31, R"({"prefixItems": [{"type": "string"}], "items": false})",
                   R"({"items": [{"type": "string"}], "additionalItems": false})"},
        Conversion{"Dependents", k31, R"({"dependentRequired": {"a": ["b"]}})",
                   R"({"dependencies": {"a": ["b"]}})"},
        Conversion{
            "PatternProperties", k31,
            R"({"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": false})",
            R"({"type": "object"})", "the schema's patternProperties is not checked here"},
        Conversion{"ContainsAsManyAsNone", k31,
                   R"({"contains": {"type": "string"}, "minContains": 0})", R"({})",
                   "the schema's minContains is not checked here"}),
    [](const auto& info) { return info.param.name; });

// What is loosened inside of these would make the whole stricter.
TEST(SchemaLooseningTest, NeverRefusesWhatTheDescriptionLetsPass) {
  const OpenApiDescription description = Describe(k31, "{}");
  SchemaGraph graph(description);
  for (const char* text :
       {R"x({"not": {"pattern": "^(?!a)"}})x",
        R"x({"oneOf": [{"pattern": "^(?!a)"}, {"pattern": "^(?!b)"}, {"maxLength": 1}]})x",
        R"x({"anyOf": [{"type": "string"}], "oneOf": [{"pattern": "^(?!b)"}, {"minLength": 1}]})x",
        R"x({"if": {"pattern": "^(?!a)"}, "then": {"maxLength": 2}})x",
        R"x({"if": {"pattern": "^(?!b)"}, "else": {"maxLength": 2}})x"}) {
    SchemaConverter converter(description, graph, References::kInline);
    Json schema{{"type", "object"}};
    schema["properties"]["a"] = converter.Convert(Json::parse(text)).value();
    const auto compiled = JsonSchema::Compile(schema);
    ASSERT_THAT(compiled, IsOk()) << schema;
    EXPECT_THAT((*compiled)->Check(Json{{"a", "apple"}}), IsEmpty()) << schema;
    EXPECT_FALSE(converter.notes().empty()) << text;
  }
}

TEST(SchemaDefinitionsTest, WhatHoldsItselfIsADefinitionAndStillChecks) {
  const OpenApiDescription description = Describe(k30, kSchemas);
  SchemaGraph graph(description);
  SchemaConverter converter(description, graph, References::kInline);
  Json schema{{"type", "object"}};
  schema["properties"]["node"] =
      converter.Convert(Json{{"$ref", "#/components/schemas/Node"}}).value();
  schema["definitions"] = converter.Definitions().value();
  EXPECT_EQ(schema["definitions"].size(), 1u);
  const auto compiled = JsonSchema::Compile(schema);
  ASSERT_THAT(compiled, IsOk());
  EXPECT_THAT((*compiled)->Check(Json::parse(R"({"node": {"next": {"next": {}}}})")), IsEmpty());
  EXPECT_FALSE((*compiled)->Check(Json::parse(R"({"node": {"next": {"next": 1}}})")).empty());
}

TEST(SchemaDefinitionsTest, ATreeThatGrowsTooBigInlineIsShared) {
  std::string schemas = R"({"S0": {"type": "string"})";
  for (int i = 1; i < 20; ++i) {
    absl::StrAppend(&schemas, R"(, "S)", i, R"(": {"type": "object", "properties": {)");
    for (const char* name : {"a", "b"}) {
      absl::StrAppend(&schemas, *name == 'a' ? "" : ", ", "\"", name,
                      R"(": {"$ref": "#/components/schemas/S)", i - 1, "\"}");
    }
    absl::StrAppend(&schemas, "}}");
  }
  const OpenApiDescription description = Describe(k30, schemas + "}");
  SchemaGraph graph(description);
  const Json top{{"$ref", "#/components/schemas/S19"}};
  EXPECT_TRUE(absl::IsResourceExhausted(
      SchemaConverter(description, graph, References::kInline).Convert(top).status()));
  SchemaConverter shared(description, graph, References::kDefinitions);
  ASSERT_THAT(shared.Convert(top), IsOk());
  EXPECT_EQ(shared.Definitions()->size(), 20u);
}

TEST(RetentionInTest, TakesOneDurationThatIsSaidOfKeys) {
  for (const auto& [text, expected] : std::vector<std::pair<const char*, const char*>>{
           {"Keys are kept for 24 hours.", "24h"},
           {"Keys expire after 7 days", "168h"},
           {"valid for 30 minutes", "30m"},
           {"stored for 1 week", "168h"},
           {"A unique key of up to 45 characters.", ""},
           {"Kept for 24 hours, at most 3 days.", ""},
           {"24 hours", ""},
           {"", ""}}) {
    EXPECT_EQ(RetentionIn(text).value_or(""), expected) << text;
  }
}

TEST(ProseTextTest, LeavesWords) {
  EXPECT_EQ(ProseText("Gets a [Foo](entity:Foo).\r\n\r\n  <b>Now</b>\tthen "),
            "Gets a Foo.\nNow then");
  EXPECT_EQ(Shortened("One two. Three four five", 16), "One two. ...");
  EXPECT_EQ(Shortened("One two. Three", 14), "One two. Three");
  EXPECT_EQ(Shortened("A first sentence. Then more", 22), "A first sentence.");
  EXPECT_EQ(Shortened("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 9), "\xC3\xA9\xC3\xA9 ...");
}

}  // namespace
}  // namespace onetake::testing
