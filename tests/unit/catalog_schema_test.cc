// Schemas: where they may come from, and what they say about arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/catalog/schema_arguments.h"
#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::string_view kEmptySchema = R"({"type": "object", "additionalProperties": false})";

class SchemaFileTest : public CatalogTest {
 protected:
  // What is said about a tool whose schema is in `reference`.
  std::vector<std::string> SaidOf(absl::string_view reference) {
    Write("ping.yaml",
          absl::StrCat("name: ping\ndescription: x\neffect: READ\nparameters:\n  $ref: ", reference,
                       "\nhttp: { method: GET, url: \"http://[::1]/\" }\n"));
    return LoadAndSay();
  }
  void ExpectRefused(absl::string_view reference, absl::string_view message) {
    EXPECT_THAT(SaidOf(reference),
                ElementsAre(AllOf(StartsWith("ping.yaml:5: error: parameters.$ref: "),
                                  HasSubstr(std::string(message)))))
        << reference;
  }
};

TEST_F(SchemaFileTest, IsReadBesideTheManifestAndBelowIt) {
  std::filesystem::create_directory(dir_.Path("schemas"));
  Write("ping.json", kEmptySchema);
  Write("schemas/ping.json", kEmptySchema);
  for (const char* reference : {"ping.json", "./ping.json", "schemas/ping.json",
                                "schemas/../ping.json", "\"${NAME:-ping}.json\""}) {
    EXPECT_THAT(SaidOf(reference), IsEmpty()) << reference;
  }
}

TEST_F(SchemaFileTest, MayLieInAnotherFolderOfTheCatalogOnly) {
  TempDir other;
  std::ofstream(other.Path("ping.json")) << kEmptySchema;
  const std::string reference =
      absl::StrCat("../", std::filesystem::path(other.path()).filename().string(), "/ping.json");
  ExpectRefused(reference, "leads out of the catalog's folders");
  const Catalog catalog = LoadCatalog({dir_.path(), other.path()}, environment());
  EXPECT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
}

TEST_F(SchemaFileTest, DoesNotFollowALinkOutOfTheCatalog) {
  TempDir other;
  std::ofstream(other.Path("secret.json")) << kEmptySchema;
  std::filesystem::create_symlink(other.Path("secret.json"), dir_.Path("link.json"));
  ExpectRefused("link.json", "leads out of the catalog's folders");
  Write("real.json", kEmptySchema);
  std::filesystem::create_symlink("real.json", dir_.Path("inner.json"));
  EXPECT_THAT(SaidOf("inner.json"), IsEmpty());
}

TEST_F(SchemaFileTest, MustBeOnePlainJsonFile) {
  ExpectRefused("missing.json", "there is no such file");
  ExpectRefused("/etc/x.json", "relative to the manifest");
  ExpectRefused("ping.yaml", "must be the path of a .json file");
  ExpectRefused("\"a.json#/definitions/x\"", "must be the path of a .json file");
  ExpectRefused("\"#/definitions/x\"", "must be the path of a .json file");
  ExpectRefused("http://example.com/a.json", "must be the path of a .json file");
  ExpectRefused("\"\"", "must be the path of a .json file");
  std::filesystem::create_directory(dir_.Path("folder.json"));
  ExpectRefused("folder.json", "is not a regular file");
  Write("bad.json", "{\"type\": \"object\",}");
  ExpectRefused("bad.json", "the schema file: ");
  Write("twice.json", "{\"type\": \"object\", \"type\": \"object\"}");
  ExpectRefused("twice.json", "twice");
  Write("big.json", absl::StrCat("{\"type\": \"object\", \"description\": \"",
                                 std::string(300 * 1024, 'x'), "\"}"));
  ExpectRefused("big.json", "262144");
}

TEST_F(SchemaFileTest, ThatIsNoSchemaIsRefused) {
  Write("list.json", "[]");
  EXPECT_THAT(SaidOf("list.json"), ElementsAre(StartsWith("ping.yaml:4: error: parameters: ")));
  Write("late.json", R"({"type": "object", "unevaluatedProperties": false})");
  EXPECT_THAT(
      SaidOf("late.json"),
      ElementsAre(AllOf(StartsWith("ping.yaml:4: error: parameters.unevaluatedProperties: "),
                        HasSubstr("unevaluatedProperties"))));
}

SchemaArguments::Steps StepsOf(absl::string_view path) { return JsonPath::Parse(path)->steps(); }

constexpr char kToolOf[] = R"(name: ping
description: x
effect: READ
parameters: { $ref: ping.json }
http: { method: GET, url: "http://[::1]/" }
)";

class SchemaStorageTest : public CatalogTest {
 protected:
  StorageRules RulesOf(const Json& schema) {
    Write("ping.json", schema.dump());
    Write("ping.yaml", kToolOf);
    const Catalog catalog = Load();
    EXPECT_THAT(Said(catalog), IsEmpty());
    return catalog.tools == nullptr ? StorageRules{} : catalog.tools->Find("ping")->storage;
  }
  // `count` members, each of which is the schema itself again.
  static Json MembersThatLeadBack(int count) {
    Json members = Json::object();
    for (int i = 0; i < count; ++i) {
      members[absl::StrCat("m", i)] = {{"$ref", "#/definitions/node"}};
    }
    return members;
  }
};

// 12^8 places lead down into it.
TEST_F(SchemaStorageTest, OfASchemaThatContainsItselfOftenIsNotSpeltOut) {
  const StorageRules rules =
      RulesOf({{"type", "object"},
               {"additionalProperties", false},
               {"properties",
                {{"tree", {{"$ref", "#/definitions/node"}}},
                 {"who", {{"properties", {{"ssn", {{"x-onetake-store", "drop"}}}}}}}}},
               {"definitions", {{"node", {{"properties", MembersThatLeadBack(12)}}}}}});
  ASSERT_TRUE(rules.members.contains("tree"));
  EXPECT_TRUE(rules.members.at("tree").members.empty());
  EXPECT_EQ(rules.members.at("who").members.at("ssn").rule, StoreRule::kDrop);
}

TEST_F(SchemaStorageTest, OfARuleAtTooManyPlacesIsRefused) {
  Json members = MembersThatLeadBack(12);
  members["ssn"] = {{"x-onetake-store", "drop"}};
  const Json schema = {{"type", "object"},
                       {"properties", {{"tree", {{"$ref", "#/definitions/node"}}}}},
                       {"definitions", {{"node", {{"properties", std::move(members)}}}}}};
  Write("ping.json", schema.dump());
  Write("ping.yaml", kToolOf);
  EXPECT_THAT(LoadAndSay(),
              ElementsAre(AllOf(HasSubstr("x-onetake-store"), HasSubstr("too many places"))));
}

// A rule that a definition has for all who refer to it.
TEST_F(SchemaFileTest, WithARuleOfStorageIsReferredToWhereThatIsObeyed) {
  const Json ssn = {{"$ref", "#/definitions/ssn"}};
  const auto said_of = [&](const Json& properties) {
    const Json schema = {{"type", "object"},
                         {"properties", properties},
                         {"definitions", {{"ssn", {{"x-onetake-store", "drop"}}}}}};
    Write("ping.json", schema.dump());
    Write("ping.yaml", kToolOf);
    return LoadAndSay();
  };
  const auto refusal = [](absl::string_view place) {
    return ElementsAre(AllOf(HasSubstr(std::string(place)), HasSubstr("would not be obeyed")));
  };
  using ::testing::Contains;
  using ::testing::Not;
  EXPECT_THAT(said_of({{"a", ssn}, {"b", {{"allOf", {ssn}}}}, {"c", {{"items", ssn}}}}),
              Not(Contains(HasSubstr("x-onetake-store"))));
  EXPECT_THAT(said_of({{"a", ssn}, {"b", {{"additionalProperties", ssn}}}}),
              refusal("parameters.properties.b.additionalProperties"));
  EXPECT_THAT(said_of({{"a", ssn}, {"b", {{"items", {ssn, Json::object()}}}}}),
              refusal("parameters.properties.b.items"));
}

struct PathCase {
  const char* path;
  bool declared;
  bool required;
};

TEST(SchemaArgumentsTest, KnowsWhatTheSchemaNamesAndRequires) {
  const Json schema = Json::parse(R"({
    "type": "object",
    "definitions": {
      "who": {"type": "object", "properties": {"phone": {"type": "string"}}, "required": ["phone"]},
      "loop": {"$ref": "#/definitions/loop"}},
    "properties": {
      "who": {"$ref": "#/definitions/who"},
      "loop": {"$ref": "#/definitions/loop"},
      "free": {"type": "object"},
      "closed": {"type": "object", "additionalProperties": false},
      "typed": {"type": "object", "additionalProperties": {"type": "number"}},
      "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
      "pair": {"type": "array",
               "items": [{"type": "string"}, {"type": "object", "properties": {}}]}},
    "allOf": [{"properties": {"both": {}}, "required": ["both"]}],
    "oneOf": [{"properties": {"one": {}}, "required": ["one"]}, {"properties": {"other": {}}}],
    "if": {}, "then": {"properties": {"then": {}}},
    "required": ["who"]})");
  const SchemaArguments arguments(schema);
  for (const PathCase& test : std::vector<PathCase>{
           {"$.who", true, true},         {"$.who.phone", true, true},
           {"$.who.name", false, false},  {"$.who.phone.x", true, false},
           {"$.loop", true, false},       {"$.loop.x", true, false},
           {"$.free", true, false},       {"$.free.anything", true, false},
           {"$.closed.x", false, false},  {"$.typed.x", true, false},
           {"$.list[0].a", true, false},  {"$.list[-1].b", false, false},
           {"$.pair[1].x", false, false}, {"$.pair[2]", true, false},
           {"$.both", true, true},        {"$.one", true, false},
           {"$.other", true, false},      {"$.then", true, false},
           {"$.nobody", false, false},    {"$[0]", false, false},
       }) {
    EXPECT_EQ(arguments.Declares(StepsOf(test.path)), test.declared) << test.path;
    EXPECT_EQ(arguments.Requires(StepsOf(test.path)), test.required) << test.path;
  }
  EXPECT_THAT(arguments.Types(StepsOf("$.who.phone")), ElementsAre("string"));
  EXPECT_THAT(arguments.Types(StepsOf("$.typed.x")), IsEmpty());
  EXPECT_THAT(arguments.required(), ElementsAre("both", "who"));
  EXPECT_FALSE(arguments.is_closed());
}

// One branch without a bound lets every text through.
TEST(SchemaArgumentsTest, ATextIsBoundByWhatHoldsInEveryBranch) {
  const Json schema = Json::parse(R"({
    "definitions": {
      "uuid": {"type": "string", "pattern": "^[0-9a-f-]+$"},
      "me": {"enum": ["me"]},
      "loop": {"anyOf": [{"$ref": "#/definitions/loop"}, {"$ref": "#/definitions/me"}]}},
    "properties": {
      "ref": {"$ref": "#/definitions/uuid"},
      "all": {"allOf": [{"minLength": 1}, {"$ref": "#/definitions/uuid"}]},
      "both": {"anyOf": [{"$ref": "#/definitions/uuid"}, {"$ref": "#/definitions/me"}]},
      "one": {"oneOf": [{"$ref": "#/definitions/me"}, {"type": "string"}]},
      "nested": {"anyOf": [{"const": "x"}, {"oneOf": [{"const": "y"}, {"enum": ["z"]}]}]},
      "nested_free": {"anyOf": [{"const": "x"}, {"oneOf": [{"const": "y"}, {}]}]},
      "null": {"anyOf": [{"$ref": "#/definitions/uuid"}, {"type": "null"}]},
      "number": {"type": ["integer", "null"]},
      "then": {"if": {}, "then": {"const": "x"}, "else": {"const": "y"}},
      "not": {"not": {"pattern": "/"}},
      "none": {"anyOf": []},
      "loop": {"$ref": "#/definitions/loop"},
      "list": {"items": {"const": "x"}},
      "who": {"anyOf": [{"properties": {"id": {"const": "x"}}}, {"properties": {"id": {}}}]},
      "maybe": {"anyOf": [{"properties": {"id": {"const": "x"}}}, {"type": "null"}]}},
    "oneOf": [{"properties": {"deep": {"const": "x"}, "half": {"const": "x"}}},
              {"properties": {"deep": {"const": "y"}}}]})");
  const SchemaArguments arguments(schema);
  for (const char* bound : {"$.ref", "$.all", "$.both", "$.nested", "$.null", "$.number",
                            "$.list[0]", "$.maybe.id", "$.deep"}) {
    EXPECT_TRUE(arguments.BoundsText(StepsOf(bound))) << bound;
  }
  for (const char* free : {"$.one", "$.nested_free", "$.then", "$.not", "$.none", "$.loop",
                           "$.who.id", "$.half", "$.nobody", "$.nobody.x"}) {
    EXPECT_FALSE(arguments.BoundsText(StepsOf(free))) << free;
  }
}

// 2^40 ways lead to the same schema.
TEST(SchemaArgumentsTest, BranchesThatMeetAgainAreLookedAtOnce) {
  Json definitions = {{"d40", {{"const", "x"}}}};
  for (int i = 0; i < 40; ++i) {
    const Json next = {{"$ref", absl::StrCat("#/definitions/d", i + 1)}};
    definitions[absl::StrCat("d", i)] = {{"anyOf", Json::array({next, next})}};
  }
  const Json schema = {{"definitions", definitions},
                       {"properties", {{"id", {{"$ref", "#/definitions/d0"}}}}}};
  EXPECT_TRUE(SchemaArguments(schema).BoundsText(StepsOf("$.id")));
}

}  // namespace
}  // namespace onetake::testing
