// What is no description, and which operations are refused, with what reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/openapi_fixture.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Bad {
  const char* name;
  std::string text;
  const char* message;
};
class ImportOpenApiTest : public ::testing::TestWithParam<Bad> {};

TEST_P(ImportOpenApiTest, RefusesWhatIsNoDescription) {
  EXPECT_THAT(ImportOpenApi(GetParam().text, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ImportOpenApiTest,
    ::testing::Values(
        Bad{"Empty", "", "openapi: must be 3.0.x or 3.1.x"},
        Bad{"Words", "hello", "openapi: must be 3.0.x or 3.1.x"},
        Bad{"BrokenJson", "{\"openapi\": ", "the description: $"},
        Bad{"BrokenYaml", "openapi: [3.0", "the description: line"},
        Bad{"TwiceInYaml", "openapi: 3.0.0\nopenapi: 3.0.0\n", "line 2: has \"openapi\" twice"},
        Bad{"Anchors", "openapi: 3.0.0\npaths: &a {}\n", "line 2: has an anchor"},
        Bad{"Swagger", R"({"swagger": "2.0"})", "convert it to OpenAPI 3"},
        Bad{"Future", R"({"openapi": "4.0.0", "paths": {}})", "must be 3.0.x or 3.1.x"},
        Bad{"NoPaths", R"({"openapi": "3.0.0"})", "paths: is missing"},
        Bad{"PathsAreAList", R"({"openapi": "3.0.0", "paths": []})", "paths: is missing"},
        Bad{"TooDeep", "{\"openapi\":" + std::string(5000, '['), "nested deeper than 100"},
        Bad{"TooLong", "{" + std::string(17 << 20, ' '), "is longer than"}),
    [](const auto& info) { return info.param.name; });

TEST(ImportOpenApiOptionsTest, NameTheOptionAtFault) {
  constexpr char kText[] = R"({"openapi": "3.0.0", "paths": {}})";
  EXPECT_THAT(ImportOpenApi(kText, {.base_url = "ftp://x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("base URL")));
  EXPECT_THAT(ImportOpenApi(kText, {.variable_prefix = "A-"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("variable prefix")));
  EXPECT_THAT(ImportOpenApi(kText, {.retention = "a day"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("retention")));
}

struct Refusal {
  const char* name;
  const char* method;
  const char* members;
  const char* reason;
  const char* more = "";
};
class OpenApiRefusalTest : public OpenApiTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(OpenApiRefusalTest, SaysWhy) {
  ImportOperation(GetParam().method, GetParam().members, GetParam().more);
  EXPECT_THAT(Classes(), ::testing::IsEmpty());
  EXPECT_THAT(Refusals(), ElementsAre(HasSubstr(GetParam().reason)));
}

constexpr char kQueryKey[] = R"("security": [{"k": []}], "components": {"securitySchemes": {
    "k": {"type": "apiKey", "in": "query", "name": "key"}}})";
constexpr char kDigest[] = R"("security": [{"k": []}], "components": {"securitySchemes": {
    "k": {"type": "http", "scheme": "digest"}}})";

INSTANTIATE_TEST_SUITE_P(
    Table, OpenApiRefusalTest,
    ::testing::Values(
        Refusal{"Options", "options", "", "OPTIONS is no method of tools"},
        Refusal{"Upload", "post",
                R"("requestBody": {"content": {"multipart/form-data": {"schema": {}}}})",
                "takes a body of multipart/form-data"},
        Refusal{"Image", "get",
                R"("responses": {"200": {"description": "", "content": {"image/png": {}}}})",
                "answers with image/png"},
        Refusal{"BodyOfGet", "get",
                R"("requestBody": {"content": {"application/json": {"schema": {}}}})",
                "does not go with GET"},
        Refusal{"OtherFile", "get", R"("parameters": [{"$ref": "other.yaml#/p"}])",
                "$ref other.yaml#/p leads out of the description"},
        Refusal{"Nowhere", "get", R"("parameters": [{"$ref": "#/components/parameters/p"}])",
                "leads nowhere"},
        Refusal{"Circle", "get", R"("parameters": [{"$ref": "#/paths/~1x/get/parameters/0"}])",
                "leads back to itself"},
        Refusal{"NoPlace", "get", R"("parameters": [{"name": "a", "in": "body"}])",
                "parameter a: needs a name, and an in"},
        Refusal{"RequiredCookie", "get",
                R"("parameters": [{"name": "a", "in": "cookie", "required": true}])",
                "manifests set no cookies"},
        Refusal{"NotInThePath", "get", R"("parameters": [{"name": "a", "in": "path"}])",
                "path parameter a: is not in the path"},
        Refusal{"ObjectInTheQuery", "get",
                R"("parameters": [{"name": "a", "in": "query", "required": true,
                                   "schema": {"type": "object"}}])",
                "parameter a: is an object in the query"},
        Refusal{"JsonTextInTheQuery", "get",
                R"("parameters": [{"name": "a", "in": "query", "required": true,
                    "content": {"application/json": {"schema": {"type": "string"}}}}])",
                "must be quoted as JSON"},
        Refusal{"FormOfAnything", "post", R"("requestBody": {"content": {
                    "application/x-www-form-urlencoded": {"schema": {"type": "object"}}}})",
                "fields are not described one by one"},
        Refusal{"NoSuchType", "post", R"("requestBody": {"content": {"application/json": {"schema":
                    {"type": "object", "properties": {"a": {"type": "file"}}}}}})",
                "must be one or more of"},
        Refusal{"DynamicReference", "post", R"("requestBody": {"content": {"application/json": {
                    "schema": {"$dynamicRef": "#x"}}}})",
                "$dynamicRef cannot be followed"},
        Refusal{"QueryKey", "get", "", "an API key in the query would stand in logs", kQueryKey},
        Refusal{"Digest", "get", "", "of type http digest cannot be expressed", kDigest},
        Refusal{"UnknownScheme", "get", R"("security": [{"zz": []}])",
                "security scheme zz: is not described"},
        Refusal{"ServerThatEndsAVariable", "get",
                R"("servers": [{"url": "https://x.example/}${SECRET}{id"}])",
                "has a brace that is no variable of the server"},
        Refusal{"ServerWithAVariableOfOurs", "get", R"("servers": [{"url": "/${SECRET}"}])",
                "has a brace that is no variable of the server"},
        Refusal{"WebSocket", "get", R"("servers": [{"url": "wss://x.example"}])",
                "server wss://x.example: must be http or https"}),
    [](const auto& info) { return info.param.name; });

// A manifest of such a path would not load.
TEST(ImportedPathTest, ThatNoUrlCanHaveIsRefused) {
  for (const char* path : {"/ a", ":9/a", "a", "/a?b=1", "/a#b", "/../a"}) {
    const Json description = {
        {"openapi", "3.0.0"},
        {"info", {{"title", "t"}, {"version", "1"}}},
        {"servers", {{{"url", "https://x.example"}}}},
        {"paths", {{path, {{"get", {{"operationId", "a"}, {"responses", Json::object()}}}}}}}};
    const auto imported = ImportOpenApi(DumpJson(description), {});
    ASSERT_THAT(imported, IsOk()) << path;
    ASSERT_THAT(imported->refused, SizeIs(1)) << path;
    EXPECT_THAT(imported->refused[0].reason, HasSubstr("its path")) << path;
  }
}

TEST_F(OpenApiTest, AnAlternativeThatCanBeExpressedIsTaken) {
  ImportOperation("get", R"("security": [{"q": []}, {"b": [], "c": []}])",
                  R"("components": {"securitySchemes": {
      "q": {"type": "apiKey", "in": "query", "name": "key"},
      "b": {"type": "http", "scheme": "Basic"},
      "c": {"type": "apiKey", "in": "cookie", "name": "sid"}}})");
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const auto request = RenderRequest(*catalog.tools->Find("op"), Json::object(), "");
  ASSERT_EQ(request->secrets.size(), 2u);
  EXPECT_EQ(request->secrets[0].prefix, "Basic ");
  EXPECT_EQ(request->secrets[1].name, "Cookie");
  EXPECT_EQ(request->secrets[1].prefix, "sid=");
}

// Whatever is damaged, there is an answer, and what is proposed is YAML.
TEST_F(OpenApiTest, AnyDamageIsAnswered) {
  const std::string whole = R"({"openapi":"3.0.0","info":{"title":"T"},"components":{"schemas":{
    "A":{"type":"object","nullable":true,"properties":{"b":{"$ref":"#/components/schemas/A"},
    "c":{"type":"integer","minimum":1,"exclusiveMinimum":true}},"required":["c"]}}},"paths":{
    "/x/{i}":
    {"post":{"operationId":"op","parameters":[{"name":"i","in":"path","schema":{"type":"string"}}],
    "requestBody":{"content":{"application/json":{"schema":{"allOf":[
    {"$ref":"#/components/schemas/A"},
    {"type":"object","properties":{"d":{"enum":["x"]}}}]}}}}}}}})";
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i) {
    std::string text = whole;
    for (int n = 0; n < 2; ++n) {
      const size_t at = random() % text.size();
      if (random() % 2 == 0) {
        text.erase(at, 1 + random() % 12);
      } else {
        text[at] = "{}[]:,\"$#/ax1"[random() % 13];
      }
    }
    const absl::StatusOr<OpenApiImport> import = ImportOpenApi(text, options_);
    if (!import.ok()) continue;
    for (const ImportedTool& tool : import->tools) EXPECT_FALSE(tool.files.empty());
  }
}

}  // namespace
}  // namespace onetake::testing
