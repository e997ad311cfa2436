#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/base/limits.h"
#include "runtime/json/schema.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using onetake::testing::IsOk;
using onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// "path reason [expected]" of each violation, one a line.
std::string Violations(const JsonSchema& schema, const Json& value) {
  std::vector<std::string> lines;
  for (const JsonSchema::Violation& violation : schema.Check(value)) {
    lines.push_back(
        absl::StrCat(violation.path, " ", violation.reason, " [", violation.expected, "]"));
  }
  return absl::StrJoin(lines, "\n");
}

// Of `value` as the member `v` of an object whose `v` has `schema`.
std::string OfMember(absl::string_view schema, absl::string_view value) {
  const Json root = {{"type", "object"}, {"properties", {{"v", Json::parse(std::string(schema))}}}};
  const auto compiled = JsonSchema::Compile(root);
  if (!compiled.ok()) return std::string(compiled.status().message());
  return Violations(**compiled, Json{{"v", Json::parse(std::string(value))}});
}

struct Case {
  const char* schema;
  const char* value;
  const char* violations;
};

TEST(JsonSchemaTest, SaysInWordsWhatIsWrongAndWhatIsRight) {
  const std::vector<Case> cases = {
      {R"({"type":"string"})", R"("x")", ""},
      {R"({"type":"string"})", "1", "$.v must be a string [string]"},
      {R"({"type":"integer"})", "1.5", "$.v must be an integer [integer]"},
      {R"({"type":["string","null"],"format":"date-time"})", "5",
       "$.v must be a string or null [string or null (format date-time)]"},
      {R"({"type":"string","enum":["a","b"]})", R"("c")",
       "$.v must be one of: a, b [one of: a, b]"},
      {R"({"const":7})", "8", "$.v must be 7 [7]"},
      {R"({"type":"integer","minimum":1,"maximum":5})", "0",
       "$.v must be at least 1 [integer (1 to 5)]"},
      {R"({"type":"integer","minimum":1,"maximum":5})", "6",
       "$.v must be at most 5 [integer (1 to 5)]"},
      {R"({"type":"number","exclusiveMinimum":0})", "0",
       "$.v must be more than 0 [number (more than 0)]"},
      {R"({"type":"number","exclusiveMaximum":2.5})", "2.5",
       "$.v must be less than 2.5 [number (less than 2.5)]"},
      {R"({"type":"number","multipleOf":0.01})", "1.005",
       "$.v must be a multiple of 0.01 [number (a multiple of 0.01)]"},
      {R"({"type":"string","minLength":1})", R"("")",
       "$.v must not be empty [string (at least 1 characters)]"},
      {R"({"type":"string","minLength":2,"maxLength":3})", R"("\u00e9")",
       "$.v must have at least 2 characters [string (2 to 3 characters)]"},
      {R"({"type":"string","pattern":"^[a-z]+$"})", R"("a\n")",
       "$.v must match the pattern ^[a-z]+$ [string (pattern ^[a-z]+$)]"},
      {R"({"type":"array","maxItems":1})", "[1,2]",
       "$.v must have at most 1 elements [array (at most 1 elements)]"},
      {R"({"type":"array","uniqueItems":true})", "[1,2,1.0]",
       "$.v must not have an element twice [array]"},
      {R"({"type":"array","items":{"type":"integer"}})", R"([1,"x"])",
       "$.v[1] must be an integer [integer]"},
      {R"({"items":[{"type":"integer"}],"additionalItems":false})", "[1,2]",
       "$.v[1] is not allowed []"},
      {R"({"contains":{"type":"string"}})", "[1]", "$.v must have an element that is string []"},
      {R"({"type":"object","required":["a"],"properties":{"a":{"type":"string","format":"date"}}})",
       "{}", "$.v.a is required [string (format date)]"},
      {R"({"properties":{"a":true},"additionalProperties":false})", R"({"b":1})",
       "$.v.b is not a known member [one of: a]"},
      {R"({"additionalProperties":{"type":"string"}})", R"({"b":1})",
       "$.v.b must be a string [string]"},
      {R"({"minProperties":2})", R"({"a":1})", "$.v must have at least 2 members []"},
      {R"({"dependencies":{"a":["b"]}})", R"({"a":1})", "$.v.b is required when $.v.a is given []"},
      {R"({"dependencies":{"a":{"required":["c"]}}})", R"({"a":1})", "$.v.c is required []"},
      {R"({"not":{"type":"string"}})", R"("x")", "$.v must not be string []"},
      {R"({"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}})", R"("x")",
       "$.v must have at least 2 characters []"},
      {R"({"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}})", "1",
       "$.v must be at least 2 []"},
      {R"({"anyOf":[{"type":"string","format":"date"},{"type":"null"}]})", "5",
       "$.v must be string (format date) or null [string (format date) or null]"},
      {R"({"anyOf":[{"type":"string","format":"date"},{"type":"null"}]})", "null", ""},
      {R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", "3",
       "$.v must fit only one of the allowed forms, and fits several []"},
      {R"({"oneOf":[{"properties":{"kind":{"const":"card"},"pan":{"type":"string"}},
                     "required":["kind","pan"]},
                    {"properties":{"kind":{"const":"cash"}},"required":["kind"]}]})",
       R"({"kind":"card"})", "$.v.pan is required [string]"},
      {R"({"allOf":[{"type":"string"},{"minLength":2}]})", R"("x")",
       "$.v must have at least 2 characters []"},
      {"false", "1", "$.v is not allowed []"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(OfMember(test.schema, test.value), test.violations) << test.schema;
  }
}

TEST(JsonSchemaTest, TellsTheArgumentsOfATool) {
  const auto schema = JsonSchema::Compile(Json::parse(R"({
      "type":"object","additionalProperties":false,"required":["slot_iso","patient"],
      "properties":{"slot_iso":{"type":"string","format":"date-time"},
                    "patient":{"$ref":"#/definitions/patient"}},
      "definitions":{"patient":{"type":"object","required":["name"],
                     "properties":{"name":{"type":"string"}}}}})"));
  ASSERT_THAT(schema, IsOk());
  EXPECT_EQ(Violations(**schema, Json::parse(R"({"patient":{},"note":"x"})")),
            "$.patient.name is required [string]\n"
            "$.slot_iso is required [string (format date-time)]\n"
            "$.note is not a known argument [one of: patient, slot_iso]");
  EXPECT_EQ(Violations(**schema, Json(5)), "$ must be an object [object]");
  EXPECT_EQ(
      Violations(**schema,
                 Json::parse(R"({"slot_iso":"2026-03-01T14:00:00-06:00","patient":{"name":"A"}})")),
      "");
}

TEST(JsonSchemaTest, RefusesSchemasItCouldNotEnforceWhole) {
  struct Refusal {
    const char* schema;
    const char* at;
    const char* reason;
  };
  const std::vector<Refusal> cases = {
      {R"([])", "#:", "must be a schema"},
      {R"(true)", "#:", "type: object"},
      {R"({})", "#:", "type: object"},
      {R"({"type":"array"})", "#:", "type: object"},
      {R"({"type":["object","null"]})", "#:", "type: object"},
      {R"({"type":"strnig"})", "#/type:", "one or more of"},
      {R"({"type":[]})", "#/type:", "one or more of"},
      {R"({"type":"object","requierd":["a"]})", "#/requierd:", "not in draft 7"},
      {R"({"type":"object","required":"a"})", "#/required:", "list of names"},
      {R"({"type":"object","required":["a","a"]})", "#/required:", "twice"},
      {R"({"type":"object","properties":[]})", "#/properties:", "must map names"},
      {R"({"type":"object","properties":{"a/b":{"minimum":"1"}}})",
       "#/properties/a~1b/minimum:", "must be a number"},
      {R"({"type":"object","properties":{"a":{"required":true}}})",
       "#/properties/a/required:", "list of names"},
      {R"({"type":"object","properties":{"a":{"nullable":true}}})",
       "#/properties/a/nullable:", "type: [TYPE, null]"},
      {R"({"type":"object","properties":{"a":5}})", "#/properties/a:", "must be a schema"},
      {R"({"type":"object","properties":{"a":{"multipleOf":0}}})",
       "#/properties/a/multipleOf:", "above zero"},
      {R"({"type":"object","properties":{"a":{"maxLength":-1}}})",
       "#/properties/a/maxLength:", "whole number"},
      {R"({"type":"object","properties":{"a":{"maxLength":1.5}}})",
       "#/properties/a/maxLength:", "whole number"},
      {R"({"type":"object","properties":{"a":{"enum":[]}}})", "#/properties/a/enum:", "list"},
      {R"({"type":"object","properties":{"a":{"pattern":"[a"}}})",
       "#/properties/a/pattern:", "regular expression"},
      {R"({"type":"object","properties":{"a":{"pattern":"^(?=x)y"}}})",
       "#/properties/a/pattern:", "look-around"},
      {R"({"type":"object","patternProperties":{"^a":{}}})",
       "#/patternProperties:", "use additionalProperties"},
      {R"({"type":"object","propertyNames":{"maxLength":3}})",
       "#/propertyNames:", "cannot be checked"},
      {R"({"type":"object","properties":{"a":{"additionalItems":false}}})",
       "#/properties/a:", "no effect"},
      {R"({"type":"object","properties":{"a":{"uniqueItems":"yes"}}})",
       "#/properties/a/uniqueItems:", "true or false"},
      {R"({"type":"object","dependencies":{"a":"b"}})", "#/dependencies/a:", "must be a schema"},
      {R"({"type":"object","id":"x"})", "#/id:", "$id"},
      {R"({"type":"object","anyOf":[]})", "#/anyOf:", "not empty"},
      {R"({"type":"object","then":{}})", "#:", "without if"},
      {R"({"type":"object","properties":{"a":{"$ref":"other.json#/x"}}})",
       "#/properties/a/$ref:", "inside this document"},
      {R"({"type":"object","properties":{"a":{"$ref":"#/definitions/x"}}})",
       "#/properties/a/$ref:", "leads to no schema"},
      {R"({"type":"object","properties":{"a":{"$ref":"#","minLength":1}}})",
       "#/properties/a/minLength:", "beside $ref"},
      {R"({"type":"object","properties":{"a":{"$ref":"#/default"}},"default":{"typ":1}})",
       "#/default/typ:", "not in draft 7"},
      {R"({"$ref":"#"})", "#/$ref:", "leads to no schema"},
      {R"({"type":"object","allOf":[{"$ref":"#"}]})", ":", "refers to itself"},
      {R"({"type":"object","properties":{"a":{"$id":"http://x/y"}}})",
       "#/properties/a/$id:", "only the root"},
  };
  for (const Refusal& test : cases) {
    EXPECT_THAT(JsonSchema::Compile(Json::parse(test.schema)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(test.at), HasSubstr(test.reason))))
        << test.schema;
  }
}

TEST(JsonSchemaTest, TakesWhatGeneratorsOfSchemasWrite) {
  for (
      const char* const text :
      {R"({"type":"object"})",
       R"({"$schema":"http://json-schema.org/draft-07/schema#","$id":"https://x/y","title":"T",
            "type":"object","properties":{},"additionalProperties":false,"x-strict":true})",
       R"({"$ref":"#/definitions/Args","definitions":{"Args":{"type":"object"}}})",
       R"({"type":"object","$defs":{"N":{"type":"object","properties":{
            "next":{"anyOf":[{"$ref":"#/$defs/N"},{"type":"null"}],"default":null}}}},
            "properties":{"list":{"$ref":"#/$defs/N","description":"d"}}})",
       R"({"type":"object","propertyNames":{"type":"string"},"additionalProperties":{}})",
       R"({"type":"object","properties":{"prefixItems":{"type":"string"},"format":{"type":"string"},
            "pattern":{"type":"string"},"enum":{"type":"string"},"$ref":{"type":"string"}}})",
       R"({"type":"object","properties":{"a/b%c~d":{"$ref":"#/definitions/a~1b%25c~0d"}},
            "definitions":{"a/b%c~d":{"type":"string"}}})"}) {
    EXPECT_THAT(JsonSchema::Compile(Json::parse(text)), IsOk()) << text;
  }
}

// Each once passed, failed or crashed in valijson where it should not.
TEST(JsonSchemaTest, DecidesWhereValijsonAloneWouldNot) {
  const std::string longest(limits::kJsonStringBytes, 'a');
  const std::string long_text = absl::StrCat("\"", longest, "\"");
  const std::vector<Case> cases = {
      {R"({"pattern":"^(a|b)*$"})", long_text.c_str(), ""},
      {R"({"pattern":"^(a+)+b$"})", long_text.c_str(), "$.v must match the pattern ^(a+)+b$ []"},
      {R"({"pattern":"^.$"})", R"("\u00e9")", ""},
      {R"({"pattern":"^\\u00e9$"})", R"("\u00e9")", ""},
      {R"({"pattern":"x"})", R"("axa")", ""},
      {R"({"pattern":"x"})", "5", ""},
      {R"({"type":"integer","maximum":100})", "18446744073709551615",
       "$.v must be an integer [integer (at most 100)]"},
      {R"({"maximum":100})", "18446744073709551615", "$.v must be at most 100 []"},
      {R"({"type":"integer","minimum":5})", "9223372036854775807", ""},
      {R"({"type":"integer"})", "30.0", ""},
      {R"({"type":"integer"})", "1e3", ""},
      {R"({"type":"integer","multipleOf":1})", "-9223372036854775808", ""},
      {R"({"multipleOf":1})", "2.5", "$.v must be a multiple of 1 []"},
      {R"({"multipleOf":0.01})", "19.99", ""},
      {R"({"multipleOf":0.01})", "19.995", "$.v must be a multiple of 0.01 []"},
      {R"({"multipleOf":0.5})", "1e300", ""},
      {R"({"enum":[1,{"a":[2]}]})", "1.0", ""},
      {R"({"enum":[1,{"a":[2]}]})", R"({"a":[2.0]})", ""},
      {R"({"enum":["1"]})", "1", "$.v must be one of: 1 [one of: 1]"},
      {R"({"const":null})", "null", ""},
      {R"({"type":["string","null"],"format":"date-time"})", "null", ""},
      {R"({"type":"string","format":"date-time"})", R"("tomorrow at 2")", ""},
      {R"({"uniqueItems":true})", "[1,true,\"1\",[1],{\"a\":1}]", ""},
      {R"({"uniqueItems":true})", "[{\"a\":1,\"b\":2},{\"b\":2.0,\"a\":1}]",
       "$.v must not have an element twice []"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(OfMember(test.schema, test.value), test.violations) << test.schema;
  }
}

TEST(JsonSchemaTest, ChecksManyElementsInReasonableTime) {
  const auto schema = JsonSchema::Compile(Json::parse(
      R"({"type":"object","properties":{"v":{"uniqueItems":true,"items":{"type":"integer"}}}})"));
  Json list = Json::array();
  for (int i = 0; i < 30'000; ++i) list.push_back(i);
  const absl::Time start = absl::Now();
  EXPECT_EQ(Violations(**schema, Json{{"v", list}}), "");
  list.back() = 0;
  EXPECT_EQ(Violations(**schema, Json{{"v", list}}), "$.v must not have an element twice []");
  EXPECT_LT(absl::Now() - start, absl::Seconds(60));  // pairs of elements would take minutes
}

// Each level of a value tries every form of the level below: 2^30 of them, of 300 bytes.
TEST(JsonSchemaTest, GivesUpWhereFormsMultiplyFromLevelToLevel) {
  for (const char* const keyword : {"oneOf", "anyOf"}) {
    Json forms = Json::array();
    for (const char* const op : {"and", "or"}) {
      forms.push_back(
          {{"required", {"op"}},
           {"properties", {{"left", {{"$ref", "#/definitions/expr"}}}, {"op", {{"const", op}}}}}});
    }
    const auto schema =
        JsonSchema::Compile({{"type", "object"},
                             {"properties", {{"v", {{"$ref", "#/definitions/expr"}}}}},
                             {"definitions", {{"expr", {{keyword, std::move(forms)}}}}}});
    ASSERT_THAT(schema, IsOk());
    const auto chain = [](int levels) {
      Json value = {{"op", "or"}};
      while (levels-- > 0) value = {{"left", std::move(value)}, {"op", "or"}};
      return Json{{"v", std::move(value)}};
    };
    EXPECT_EQ(Violations(**schema, chain(3)), "") << keyword;
    EXPECT_EQ(Violations(**schema, chain(30)), "$ is too large to be checked []") << keyword;
  }
}

TEST(JsonSchemaTest, TellsAtMostEightViolationsTheDeepestFirst) {
  const auto schema = JsonSchema::Compile(Json::parse(
      R"({"type":"object","required":["z"],"additionalProperties":{"type":"integer"},
          "properties":{"in":{"type":"object","required":["deep"]},"z":true}})"));
  const auto violations =
      (*schema)->Check(Json::parse(R"({"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"",
                                       "i":"","in":{}})"));
  ASSERT_EQ(violations.size(), 8);
  EXPECT_EQ(violations[0].path, "$.in.deep");
}

TEST(JsonSchemaTest, NeverQuotesAValue) {
  for (const char* const schema :
       {R"({"type":"integer"})", R"({"enum":["a"]})", R"({"const":1})", R"({"maxLength":1})",
        R"({"pattern":"^x"})", R"({"not":{"type":"string"}})",
        R"({"anyOf":[{"type":"null"},{"maxLength":2}]})", R"({"oneOf":[{},{}]})", "false"}) {
    const std::string told = OfMember(schema, R"("s3cret")");
    EXPECT_THAT(told, AllOf(HasSubstr("$.v "), ::testing::Not(HasSubstr("s3cret")))) << schema;
  }
}

}  // namespace
}  // namespace onetake
