#include "runtime/json/json.h"

#include "runtime/base/limits.h"
#include "runtime/json/path.h"
#include "runtime/json/schema.h"
#include "runtime/json/template.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

struct Refusal {
  const char* name;
  std::string text;
  const char* message;
};
class ParseJsonRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(ParseJsonRefusalTest, NamesThePlaceAndTheReason) {
  EXPECT_THAT(ParseJson(GetParam().text, ArgumentLimits()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseJsonRefusalTest,
    ::testing::Values(
        Refusal{"Empty", "", "not JSON"}, Refusal{"Cut", R"({"a":)", "$.a: is not JSON"},
        Refusal{"Trailing", "{} x", "followed by"}, Refusal{"SecondValue", "{}{}", "followed by"},
        Refusal{"Comment", "{/*x*/}", "not JSON"}, Refusal{"Nan", "[NaN]", "not JSON"},
        Refusal{"Bom", "\xEF\xBB\xBF{}", "byte order mark"},
        Refusal{"Nul", std::string("{\"a\":\"x\0y\"}", 11), "not JSON"},
        Refusal{"DuplicateKey", R"({"a":{"b":1,"b":2}})", "$.a: has the member .b twice"},
        Refusal{"DuplicateAfterEscape", R"({"a":1,"\u0061":2})", "twice"},
        Refusal{"InvalidUtf8", "{\"a\":\"\xff\"}", "UTF-8"},
        Refusal{"LoneSurrogate", R"(["\ud800"])", "$[0]: is not"},
        Refusal{"Overflow", "[1,1e999]", "$[1]: holds a number too big"},
        Refusal{"TooDeep", Nested(33), "deeper than 32"},
        Refusal{"LongString", "[\"" + std::string(limits::kJsonStringBytes + 1, 'a') + "\"]",
                "string longer"},
        Refusal{"TooLong", "[" + std::string(limits::kArgumentsBytes, ' ') + "]", "longer than"}),
    [](const auto& info) { return info.param.name; });

TEST(ParseJsonTest, AcceptsWhatIsJustWithinTheLimits) {
  EXPECT_THAT(ParseJson(Nested(32), ArgumentLimits()), IsOk());
  EXPECT_THAT(ParseJson("\"" + std::string(limits::kJsonStringBytes, 'a') + "\"", ArgumentLimits()),
              IsOk());
  std::string wide = "{";
  for (size_t i = 0; i < limits::kJsonKeys; ++i)
    wide += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  EXPECT_THAT(ParseJson(wide + "}", ArgumentLimits()), IsOk());
  EXPECT_THAT(ParseJson(wide + ",\"more\":1}", ArgumentLimits()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("members")));
}

TEST(ParseJsonTest, ErrorsQuoteNoValues) {
  const absl::Status status = ParseJson(R"({"a":"secret-canary" "b"})", ArgumentLimits()).status();
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("canary")));
}

struct Canon {
  const char* name;
  const char* text;
  const char* canonical;
};
class CanonicalJsonTest : public ::testing::TestWithParam<Canon> {};

TEST_P(CanonicalJsonTest, IsRfc8785) {
  const auto value = ParseJson(GetParam().text, ResultLimits());
  ASSERT_THAT(value, IsOk());
  const std::string canonical = CanonicalJson(*value);
  EXPECT_EQ(canonical, GetParam().canonical);
  EXPECT_EQ(CanonicalJson(*ParseJson(canonical, ResultLimits())), canonical) << "stable";
}

INSTANTIATE_TEST_SUITE_P(
    Table, CanonicalJsonTest,
    ::testing::Values(Canon{"Order", R"({"b":1, "a":2})", R"({"a":2,"b":1})"},
                      Canon{"OneOfManySpellings", "[1,1.0,1e0,10e-1]", "[1,1,1,1]"},
                      Canon{"MinusZero", "[-0,-0.0]", "[0,0]"},
                      Canon{"Big", "[9007199254740993]", "[9007199254740993]"},
                      Canon{"Rfc8785Numbers",
                            "[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]",
                            "[333333333.3333333,1e+30,4.5,0.002,1e-27]"},
                      Canon{"Edges", "[1e20,1e21,0.000001,0.0000001,123456.75]",
                            "[100000000000000000000,1e+21,0.000001,1e-7,123456.75]"},
                      Canon{"Escapes", R"(["\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"])",
                            "[\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"]"},
                      // U+1F600 is a surrogate pair (D83D ...) and sorts before U+FB33.
                      Canon{"Utf16Order", R"({"\ufb33":1,"\ud83d\ude00":2,"\u20ac":3})",
                            "{\"\xE2\x82\xAC\":3,\"\xF0\x9F\x98\x80\":2,\"\xEF\xAC\xB3\":1}"},
                      Canon{"Empty", R"({"a":{},"b":[],"c":null})", R"({"a":{},"b":[],"c":null})"}),
    [](const auto& info) { return info.param.name; });

TEST(JsonPathTest, FindsOneNode) {
  const Json root = Json::parse(R"({"a":{"b":[1,{"c":2}]},"odd name":3})");
  const auto find = [&](const char* text) {
    const auto path = JsonPath::Parse(text);
    const Json* node = path.ok() ? path->Find(root) : nullptr;
    return node == nullptr ? std::string("none") : DumpJson(*node);
  };
  EXPECT_EQ(find("$.a.b[0]"), "1");
  EXPECT_EQ(find("$.a.b[-1].c"), "2");
  EXPECT_EQ(find("$['odd name']"), "3");
  EXPECT_EQ(find("$.a.b[2]"), "none");
  EXPECT_EQ(find("$.a.x.y"), "none");
  EXPECT_EQ(JsonPath::Parse("$.a.b")->first_name(), "a");
  EXPECT_EQ(JsonPath::Parse("$")->first_name(), "");
}

TEST(JsonPathTest, RefusesWhatIsNotInTheSubset) {
  for (const char* text :
       {"", "a", "$.", "$..a", "$.*", "$[*]", "$[1:2]", "$[", "$x", "$[?(@.a)]"}) {
    EXPECT_THAT(JsonPath::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("offset")))
        << text;
  }
}

TEST(JsonPathTest, SetsAndCreatesObjectsOnTheWay) {
  Json root = Json::object();
  EXPECT_THAT(JsonPath::Parse("$.meta.key")->Set(root, "k"), IsOk());
  EXPECT_EQ(DumpJson(root), R"({"meta":{"key":"k"}})");
  EXPECT_THAT(JsonPath::Parse("$.meta.key.deeper")->Set(root, 1),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not an object")));
}

absl::StatusOr<std::string> Same(absl::string_view value) { return std::string(value); }

TEST(TextTemplateTest, FillsHoles) {
  const auto text = TextTemplate::Parse("/a/{id}/{{x}}/{who.name}/{id}");
  ASSERT_THAT(text, IsOk());
  EXPECT_THAT(text->Arguments(), ElementsAre("id", "who"));
  EXPECT_THAT(text->Render(Json::parse(R"({"id":7,"who":{"name":"kim"}})"), &Same),
              IsOkAndHolds("/a/7/{x}/kim/7"));
  EXPECT_THAT(text->Render(Json::parse(R"({"id":null,"who":{"name":"kim"}})"), &Same),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("{id}")));
}

TEST(TextTemplateTest, RefusesBrokenHoles) {
  for (const char* text : {"{", "{}", "a}", "{a b}", "{.a}", "{a..b}"}) {
    EXPECT_THAT(TextTemplate::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("offset")))
        << text;
  }
}

TEST(JsonTemplateTest, FillsPathsAndLeavesOutWhatIsAbsent) {
  const auto body = JsonTemplate::Parse(Json::parse(
      R"({"slot":"$.slot","who":{"id":"$.patient","name":"$.name"},"list":["$.slot","$.none"],"price":"$$5","fixed":1})"));
  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(body->Arguments(),
              ::testing::UnorderedElementsAre("slot", "patient", "name", "none"));
  EXPECT_EQ(DumpJson(body->Render(Json::parse(R"({"slot":"s","patient":{"x":1}})"))),
            R"({"fixed":1,"list":["s",null],"price":"$5","slot":"s","who":{"id":{"x":1}}})");
  EXPECT_EQ(DumpJson(JsonTemplate::Parse("$")->Render(Json::parse(R"({"a":1})"))), R"({"a":1})");
}

struct SchemaCase {
  const char* name;
  const char* value;
  const char* path;
  const char* reason;
  const char* expected;
};
class JsonSchemaTest : public ::testing::TestWithParam<SchemaCase> {};

constexpr char kSchema[] = R"({
  "type":"object","additionalProperties":false,"required":["slot"],
  "definitions":{"who":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}},
  "properties":{
    "slot":{"type":"string","format":"date-time"},
    "kind":{"enum":["new","follow-up"]},
    "who":{"$ref":"#/definitions/who"},
    "tags":{"type":"array","items":{"type":"string","maxLength":3}},
    "n":{"type":"number","minimum":1,"maximum":5},
    "either":{"anyOf":[{"type":"string"},{"type":"boolean"}]}}})";

TEST_P(JsonSchemaTest, SaysWhereWhyAndWhatWouldBeRight) {
  const auto schema = JsonSchema::Compile(Json::parse(kSchema));
  ASSERT_THAT(schema, IsOk());
  const auto violations = (*schema)->Check(Json::parse(GetParam().value));
  ASSERT_FALSE(violations.empty());
  EXPECT_EQ(violations[0].path, GetParam().path);
  EXPECT_THAT(violations[0].reason, HasSubstr(GetParam().reason));
  EXPECT_THAT(violations[0].expected, HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Table, JsonSchemaTest,
    ::testing::Values(
        SchemaCase{"Missing", "{}", "$.slot", "is required", "string (format date-time)"},
        SchemaCase{"Type", R"({"slot":5})", "$.slot", "must be a string", "date-time"},
        SchemaCase{"Enum", R"({"slot":"x","kind":"old"})", "$.kind", "must be one of",
                   "new, follow-up"},
        SchemaCase{"Unknown", R"({"slot":"x","slots":1})", "$.slots", "not a known argument",
                   "kind"},
        SchemaCase{"BehindRef", R"({"slot":"x","who":{}})", "$.who.id", "is required", "integer"},
        SchemaCase{"InArray", R"({"slot":"x","tags":["a","long"]})", "$.tags[1]",
                   "at most 3 characters", "3"},
        SchemaCase{"TooBig", R"({"slot":"x","n":6})", "$.n", "must be at most 5", "1 to 5"},
        SchemaCase{"Combinator", R"({"slot":"x","either":5})", "$.either",
                   "must be string or boolean", ""}),
    [](const auto& info) { return info.param.name; });

TEST(JsonSchemaCompileTest, AcceptsAValidValue) {
  const auto schema = JsonSchema::Compile(Json::parse(kSchema));
  EXPECT_THAT((*schema)->Check(
                  Json::parse(R"({"slot":"x","who":{"id":1},"tags":["a"],"n":2,"either":true})")),
              SizeIs(0));
}

TEST(JsonSchemaCompileTest, RefusesWhatItCouldNotCheck) {
  for (const char* text : {R"([])", R"({"type":"string"})", R"({})",
                           R"({"type":"object","properties":{"a":{"$ref":"other.json"}}})",
                           R"({"type":"object","properties":{"a":{"$ref":"#/definitions/none"}}})",
                           R"({"type":"object","unevaluatedProperties":false})",
                           R"({"type":"object","properties":5})"}) {
    EXPECT_THAT(JsonSchema::Compile(Json::parse(text)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("schema")))
        << text;
  }
}

}  // namespace
}  // namespace onetake::testing
