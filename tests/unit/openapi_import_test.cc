#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/openapi_fixture.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(OpenApiTest, APracticeInYaml30BecomesAFolderThatLoads) {
  Import(R"(
openapi: 3.0.3
info: { title: Practice API, version: "1" }
servers: [{ url: "https://{region}.example.com/v1/", variables: { region: { default: eu } } }]
security: [{ token: [] }]
components:
  securitySchemes: { token: { type: http, scheme: bearer } }
  schemas:
    Slot:
      type: object
      required: [slot_iso]
      properties: { slot_iso: { type: string, format: date-time } }
paths:
  /appointments:
    get:
      operationId: find appointments
      summary: Finds appointments.
      parameters:
        - { name: provider, in: query, required: true, schema: { type: string } }
        - { name: status, in: query, schema: { type: array, items: { type: string } } }
    post:
      operationId: book
      description: Books a [slot](https://x.example).
      requestBody:
        content:
          application/json:
            schema:
              allOf:
                - $ref: "#/components/schemas/Slot"
                - type: object
                  properties:
                    notes: { type: string }
                    id: { type: string, readOnly: true }
  /appointments/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    put:
      operationId: replace
      requestBody:
        content:
          application/json:
            schema: { type: object, properties: { id: { type: string }, at: { type: string } } }
    delete: { operationId: remove }
)");
  ASSERT_THAT(import_.refused, IsEmpty());
  EXPECT_THAT(Classes(), ElementsAre("find_appointments READ", "book WRITE/NONE",
                                     "replace WRITE/NATURAL", "remove WRITE/NATURAL"));
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const Tool& find = *catalog.tools->Find("find_appointments");
  EXPECT_EQ(find.http->origin, "https://eu.example.com");
  EXPECT_EQ(RenderRequest(find, {{"provider", "kim"}, {"status", {"a", "b"}}}, "")->url,
            "https://eu.example.com/v1/appointments?provider=kim&status=a&status=b");

  const Tool& book = *catalog.tools->Find("book");
  EXPECT_EQ(book.description, "Books a slot.");
  EXPECT_EQ(book.parameters->document(),
            Json::parse(R"({"type": "object", "additionalProperties": false,
      "required": ["slot_iso"], "properties": {
        "slot_iso": {"type": "string", "format": "date-time"}, "notes": {"type": "string"}}})"));
  const auto request = RenderRequest(book, {{"slot_iso", "now"}}, "");
  EXPECT_EQ(*request->body, R"({"slot_iso":"now"})");
  EXPECT_THAT(request->secrets, SizeIs(1));
  EXPECT_EQ(request->secrets[0].prefix, "Bearer ");
  EXPECT_EQ(request->secrets[0].secret.name, "PRACTICE_API_TOKEN");

  const Tool& replace = *catalog.tools->Find("replace");
  const auto replaced = RenderRequest(replace, {{"id", "7"}, {"id_body", "8"}, {"at", "x"}}, "");
  EXPECT_EQ(replaced->url, "https://eu.example.com/v1/appointments/7");
  EXPECT_EQ(*replaced->body, R"({"at":"x","id":"8"})");
  ASSERT_THAT(replace.intent.sets, SizeIs(1));
  EXPECT_EQ(replace.intent.sets[0].name, "id") << "as its path says";
  EXPECT_THAT(catalog.tools->Find("remove")->intent.sets, IsEmpty());
  EXPECT_EQ(catalog.tools->Find("remove")->http->outcomes.at(404), StatusMeaning::kAlreadyGone);
  EXPECT_THAT(FormatDiagnostics(catalog.diagnostics),
              HasSubstr("book.yaml:3: warning: intent.identity: is not declared"));
}

TEST_F(OpenApiTest, AFormInJson31TakesItsStylesAndKey) {
  Import(
      R"({"openapi": "3.1.0", "info": {"title": "Sms"}, "servers": [{"url": "http://127.0.0.1:1"}],
    "paths": {"/Messages.json": {"post": {"operationId": "send", "requestBody": {"content": {
      "application/x-www-form-urlencoded": {
        "encoding": {"Filter": {"style": "deepObject"}, "Ids": {"explode": false}},
        "schema": {"type": "object", "required": ["To"], "properties": {
          "To": {"type": "string"}, "Body": {"type": ["string", "null"]},
          "MediaUrl": {"type": "array", "items": {"type": "string"}},
          "Ids": {"type": "array", "items": {"type": "integer"}},
          "Filter": {"type": "object"}, "Data": {"type": "object"},
          "IdempotencyKey": {
            "type": "string", "description": "Keys expire after 24 hours."}}}}}}}}}})");
  EXPECT_THAT(Classes(), ElementsAre("send WRITE/KEYED"));
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const Tool& send = *catalog.tools->Find("send");
  EXPECT_EQ(send.safety.key_retention, absl::Hours(24));
  const auto request = RenderRequest(
      send,
      Json::parse(R"({"To": "+1 5", "MediaUrl": ["a", "b"], "Ids": [1, 2], "Filter": {"k": "v"},
                      "Data": {"x": 1}})"),
      "k1");
  EXPECT_EQ(*request->body,
            "Data=%7B%22x%22%3A1%7D&Filter%5Bk%5D=v&IdempotencyKey=k1&Ids=1%2C2&MediaUrl=a&"
            "MediaUrl=b&To=%2B1+5");
  EXPECT_THAT(send.parameters->document().dump(), Not(HasSubstr("IdempotencyKey")));
}

struct Class {
  const char* name;
  const char* method;
  const char* operation;  // members of the operation, JSON
  const char* expected;
};
class OpenApiClassTest : public OpenApiTest, public ::testing::WithParamInterface<Class> {};

TEST_P(OpenApiClassTest, IsByAnnotationThenByVerb) {
  ImportOperation(GetParam().method, GetParam().operation);
  EXPECT_THAT(Classes(), ElementsAre(absl::StrCat("op ", GetParam().expected)));
}

constexpr char kKeyHeader[] =
    R"("parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}])";
constexpr char kIdempotentKey[] = R"("x-mcp-annotations": {"idempotentHint": true},
    "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}])";
constexpr char kKeyBody[] = R"("requestBody": {"content": {"application/json": {"schema": {
    "type": "object", "properties": {"a": {}, "idempotency_key": {"type": "string"}}}}}})";
constexpr char kKeyAlone[] = R"("requestBody": {"content": {"application/json": {"schema": {
    "type": "object", "properties": {"idempotency_key": {"type": "string"}}}}}})";
constexpr char kShortKey[] = R"("requestBody": {"content": {"application/json": {"schema": {
    "type": "object", "properties": {
        "a": {}, "idempotency_key": {"type": "string", "maxLength": 31}}}}}})";
constexpr char kRequestId[] =
    R"("parameters": [{"name": "X-Request-Id", "in": "header", "schema": {"type": "string"}}])";
constexpr char kIdempotentRequestId[] = R"("parameters": [{"name": "X-Request-Id", "in": "header",
    "description": "Makes the call idempotent", "schema": {"type": "string"}}])";

INSTANTIATE_TEST_SUITE_P(
    Table, OpenApiClassTest,
    ::testing::Values(
        Class{"Get", "get", "", "READ"}, Class{"Head", "head", "", "READ"},
        Class{"Put", "put", "", "WRITE/NATURAL"}, Class{"Delete", "delete", "", "WRITE/NATURAL"},
        Class{"Post", "post", "", "WRITE/NONE"}, Class{"Patch", "patch", "", "WRITE/NONE"},
        Class{"ReadByPost", "post", R"("x-mcp-annotations": {"readOnlyHint": true})", "READ"},
        Class{"WriteByGet", "get", R"("x-mcp-annotations": {"readOnlyHint": false})", "WRITE/NONE"},
        Class{"IdempotentPost", "post", R"("x-mcp-annotations": {"idempotentHint": true})",
              "WRITE/NATURAL"},
        Class{"CountingPut", "put", R"("x-mcp-annotations": {"idempotentHint": false})",
              "WRITE/NONE"},
        Class{"HintThatIsNone", "post", R"("x-mcp-annotations": {"readOnlyHint": "yes"})",
              "WRITE/NONE"},
        Class{"KeyHeader", "post", kKeyHeader, "WRITE/KEYED"},
        Class{"KeyHeaderOfPut", "put", kKeyHeader, "WRITE/KEYED+NATURAL"},
        Class{"KeyHeaderOfAnIdempotentPost", "post", kIdempotentKey, "WRITE/KEYED"},
        Class{"KeyHeaderOfGet", "get", kKeyHeader, "READ"},
        Class{"KeyBody", "post", kKeyBody, "WRITE/KEYED"},
        Class{"KeyThatIsAllTheRequestSays", "post", kKeyAlone, "WRITE/NONE"},
        Class{"KeyTooShortForOurs", "post", kShortKey, "WRITE/NONE"},
        Class{"RequestId", "post", kRequestId, "WRITE/NONE"},
        Class{"IdempotentRequestId", "post", kIdempotentRequestId, "WRITE/KEYED"}),
    [](const auto& info) { return info.param.name; });

TEST_F(OpenApiTest, AKeyWithoutRetentionDoesNotLoadUntilSomebodyGivesIt) {
  ImportOperation("post", kKeyHeader);
  EXPECT_THAT(FormatDiagnostics(Load().diagnostics),
              HasSubstr("error: safety.keyed.retention: is required"));
  options_.retention = "36h";
  ImportOperation("post", kKeyHeader);
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  EXPECT_EQ(catalog.tools->Find("op")->safety.key_retention, absl::Hours(36));
}

TEST_F(OpenApiTest, HeaderParametersAreSentWhenTheyAreGiven) {
  ImportOperation("get", R"("parameters": [
      {"name": "Square-Version", "in": "header", "schema": {"type": "string"}},
      {"name": "Accept", "in": "header", "schema": {"type": "string"}},
      {"name": "session", "in": "cookie", "schema": {"type": "string"}}])");
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const Tool& tool = *catalog.tools->Find("op");
  using ::testing::Pair;
  EXPECT_THAT(
      RenderRequest(tool, {{"Square-Version", "1"}}, "")->headers,
      UnorderedElementsAre(Pair("Square-Version", "1"), Pair("Accept", "application/json")));
  EXPECT_THAT(RenderRequest(tool, Json::object(), "")->headers,
              ElementsAre(Pair("Accept", "application/json")));
  EXPECT_THAT(import_.tools[0].notes,
              ElementsAre("left out: parameter session: manifests set no cookies"));
}

TEST_F(OpenApiTest, NamesAreMadeToFitAndStayApart) {
  Import(
      R"({"openapi": "3.0.0", "info": {"title": ""}, "servers": [{"url": "https://h"}], "paths": {
    "/a/{x.y}": {"get": {"parameters": [{"name": "x.y", "in": "path", "schema": {"type": "string"}},
        {"name": "At<", "in": "query", "schema": {"type": "string"}},
        {"name": "At>", "in": "query", "schema": {"type": "string"}},
        {"name": "x_y", "in": "query", "schema": {"type": "string"}}]}},
    "/b": {"get": {"operationId": "9 lives"}, "post": {"operationId": "lives"}}}})");
  EXPECT_THAT(Classes(), ElementsAre("get_a_x_y READ", "lives READ", "lives_2 WRITE/NONE"));
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const Json arguments{{"x_y", "1"}, {"At_before", "2"}, {"At_after", "3"}, {"x_y_query", "4"}};
  EXPECT_EQ(RenderRequest(*catalog.tools->Find("get_a_x_y"), arguments, "")->url,
            "https://h/a/1?At%3C=2&At%3E=3&x_y=4");
}

// The description of somebody else names no variable of onetaked, be it a secret's.
TEST_F(OpenApiTest, ADollarOfADescriptionIsOne) {
  Import(R"({"openapi": "3.0.0", "info": {"title": "T"}, "servers": [{"url": "https://h"}],
    "paths": {"/price/${currency}/$$": {"get": {"operationId": "price", "parameters": [
      {"name": "currency", "in": "path", "required": true, "schema": {"type": "string"}}]}}}})");
  variables_["currency"] = "s3cr3t";
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  EXPECT_EQ(RenderRequest(*catalog.tools->Find("price"), {{"currency", "eur"}}, "")->url,
            "https://h/price/$eur/$$");
}

TEST_F(OpenApiTest, AHintBesideAKeyIsACommentAlone) {
  options_.retention = "24h";
  ImportOperation("post", kIdempotentKey);
  EXPECT_THAT(import_.tools[0].files[0].text, HasSubstr("  # natural: true\n"));
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  EXPECT_FALSE(catalog.tools->Find("op")->safety.natural);
}

TEST_F(OpenApiTest, AFixedPathParameterIsNoArgument) {
  constexpr char kText[] = R"({"openapi": "3.0.0", "info": {"title": "T"},
    "servers": [{"url": "https://h"}], "paths": {"/{account}/x/{id}": {"get": {"parameters": [
      {"name": "account", "in": "path", "schema": {"type": "string"}},
      {"name": "id", "in": "path", "schema": {"type": "string"}}]}}}})";
  options_.fixed = {{"account", "${ACCOUNT}"}};
  Import(kText);
  variables_["ACCOUNT"] = "AC1";
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const Tool& tool = *catalog.tools->Find("get_account_x_id");
  EXPECT_EQ(RenderRequest(tool, {{"id", "7"}}, "")->url, "https://h/AC1/x/7");
  EXPECT_FALSE(tool.parameters->document()["properties"].contains("account"));
  EXPECT_THAT(ImportOpenApi(kText, {.fixed = {{"acount", "x"}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("acount: is in no path")));
  EXPECT_THAT(ImportOpenApi(kText, {.fixed = {{"account", "a/b"}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one part of a path")));
}

TEST_F(OpenApiTest, AFixedPathParameterIsNoPartOfWhatAPutReplaces) {
  variables_["ACCOUNT"] = "AC1";
  for (const char* fixed : {"${ACCOUNT}", "${ACCOUNT:-AC1}", "AC1"}) {
    options_.fixed = {{"account", fixed}};
    Import(R"({"openapi": "3.0.0", "info": {"title": "T"}, "servers": [{"url": "https://h"}],
      "paths": {"/{account}/x/{id}": {"put": {"operationId": "put_x", "parameters": [
        {"name": "account", "in": "path", "required": true, "schema": {"type": "string"}},
        {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {"schema": {
          "type": "object", "properties": {"guest": {"type": "string"}}}}}}}}}})");
    EXPECT_THAT(import_.tools.at(0).files.at(0).text, HasSubstr("\n  sets: [id]\n")) << fixed;
    const Catalog catalog = Load();
    ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
    const Tool& tool = *catalog.tools->Find("put_x");
    EXPECT_EQ(RenderRequest(tool, {{"id", "7"}, {"guest", "g"}}, "")->url, "https://h/AC1/x/7");
  }
}

TEST_F(OpenApiTest, AGuessOfTheIdentityStandsAsAComment) {
  ImportOperation("post", R"("requestBody": {"content": {"application/json": {"schema": {
      "type": "object", "required": ["booking"], "properties": {
        "booking": {"type": "object", "properties": {
          "start_at": {"type": "string"}, "customer_id": {"type": "string", "maxLength": 192},
          "customer_note": {"type": "string"}, "version": {"type": "integer"}}},
        "comment": {"type": "string"}}}}}})");
  EXPECT_THAT(import_.tools[0].files[0].text, HasSubstr(R"(
# intent:
#   identity: { $.booking.customer_id: verbatim, $.booking.start_at: instant }
#   ignored: [$.booking.customer_note, comment]
)"));
}

TEST_F(OpenApiTest, WhatAPutReplacesStandsBesideTheGuessOfTheIdentity) {
  const auto proposed = [this](const char* put) {
    Import(absl::StrCat(R"(openapi: 3.0.0
info: { title: T }
servers: [{ url: "https://x.example.com" }]
paths:
  /rooms/{room}/seats/{seat}:
    parameters:
      - { name: room, in: path, required: true, schema: { type: string } }
      - { name: seat, in: path, required: true, schema: { type: string } }
    put:
)",
                        put));
    return import_.tools.at(0).files.at(0).text;
  };
  constexpr char kBody[] = R"(
      requestBody: { content: { application/json: { schema: {
        type: object, required: [guest], properties: { guest: { type: string } } } } } }
)";
  const std::string text = proposed(kBody);
  EXPECT_THAT(text, HasSubstr("another write. A first guess:\n  # identity: { guest: verbatim, "
                              "room: verbatim, seat: verbatim }\n"));
  EXPECT_THAT(text, HasSubstr("\n  sets: [room, seat]\n"));
  EXPECT_THAT(FormatDiagnostics(Load().diagnostics), Not(HasSubstr("intent.sets")));
  EXPECT_THAT(proposed("      operationId: take\n"), Not(HasSubstr("sets:")))
      << "all is in its name";
  const std::string adds =
      absl::StrCat("      x-mcp-annotations: { idempotentHint: false }", kBody);
  EXPECT_THAT(proposed(adds.c_str()), Not(HasSubstr("sets:"))) << "it adds";
}

// A model makes a new one up on every retry.
TEST_F(OpenApiTest, AKeyThatIsNotTakenDecidesNothing) {
  ImportOperation("post", R"("parameters": [
      {"name": "idempotency_key", "in": "query", "required": true, "schema": {"type": "string"}},
      {"name": "a", "in": "query", "required": true, "schema": {"type": "string"}}])");
  EXPECT_THAT(import_.tools[0].notes,
              ElementsAre(HasSubstr("idempotency_key looks like an idempotency key, but onetake "
                                    "cannot fill it in there: put it under intent.ignored")));
  EXPECT_THAT(import_.tools[0].files[0].text,
              HasSubstr("#   identity: { a: verbatim }\n#   ignored: [idempotency_key]\n"));
  ImportOperation("post", R"("requestBody": {"content": {"application/json": {"schema": {
      "type": "object", "additionalProperties": true, "required": ["idempotency_key"],
      "properties": {"idempotency_key": {"type": "string"}, "at": {"type": "string"}}}}}})");
  EXPECT_THAT(import_.tools[0].notes, ElementsAre(HasSubstr("body.idempotency_key looks like")));
  EXPECT_THAT(import_.tools[0].files[0].text, HasSubstr("#   identity: { $.body.at: instant }\n"
                                                        "#   ignored: [$.body.idempotency_key]\n"));
  EXPECT_THAT(FormatDiagnostics(Load().diagnostics),
              HasSubstr("intent.ignored: leaves out body.idempotency_key"));
  ImportOperation("post", kShortKey);
  EXPECT_THAT(import_.tools[0].notes, ElementsAre(HasSubstr("takes at most 31 characters")));
  ImportOperation("post", kKeyAlone);
  EXPECT_THAT(import_.tools[0].notes, IsEmpty()) << "it is what is decided";
}

TEST_F(OpenApiTest, OnlyAndBaseUrlAndPrefixAreObeyed) {
  options_ = {.base_url = "${MY_API}/v2", .variable_prefix = "MY_", .only = "GET /x"};
  Import(R"({"openapi": "3.0.0", "info": {"title": "T"}, "security": [{"k": []}], "components":
    {"securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    "paths": {"/x": {"get": {}, "post": {}}, "/y": {"get": {}}}})");
  EXPECT_THAT(Classes(), ElementsAre("get_x READ"));
  EXPECT_THAT(import_.tools[0].files[0].text, HasSubstr("url: \"${MY_API}/v2/x\""));
  EXPECT_THAT(import_.tools[0].files[0].text, HasSubstr("secret: { env: MY_K }"));
}

}  // namespace
}  // namespace onetake::testing
