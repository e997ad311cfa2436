#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/catalog/manifest_writer.h"
#include "runtime/catalog/yaml_json.h"
#include "tests/testing/catalog_fixture.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Form = ManifestField::Form;
using Dollars = ManifestField::Dollars;

// What a reader of the written file sees, before the environment is put in.
absl::StatusOr<Json> ReadBack(const Json& value) {
  const ManifestField field{.name = "v", .value = value, .dollars = Dollars::kEnvironment};
  const std::string text = WriteManifest("", {field});
  absl::StatusOr<Json> read = JsonFromYaml(text, {});
  if (!read.ok()) return read.status();
  return (*read)["v"];
}

TEST(WriteManifestTest, EveryValueReadsBack) {
  const std::string words =
      "Books a slot for the caller, in words that take far more room than one line of a file has, "
      "and go on  with two spaces, a # sign, a colon: here, and \"quotes\".";
  for (const Json& value : std::vector<Json>{
           nullptr,
           true,
           0,
           -7,
           1.5,
           1e300,
           "",
           " ",
           "a",
           "true",
           "Null",
           "no",
           "007",
           "1e5",
           "~",
           "a: b",
           "a #b",
           "a:",
           "24h",
           "250ms",
           "24hh",
           "$ref",
           "$5",
           "- a",
           "[a]",
           "{a}",
           "'a'",
           "\"a\"",
           "*a",
           "&a",
           "!a",
           "|",
           ">",
           "%a",
           "@a",
           "`a`",
           "$",
           "$.a",
           "$$5",
           "a\nb",
           "a\n\n  b\nc",
           " a\nb",
           "a\n",
           "a\r\nb",
           "a\tb",
           std::string("a\0b", 3),
           "\x7f",
           "\xC3\xA9t\xC3\xA9",
           words,
           words + "\n" + words,
           std::string(300, 'x'),
           Json::array(),
           Json::object(),
           Json::array({Json::array({1, 2})}),
           Json::array({Json{{"a", 1}, {"b", Json::array({Json{{"c", words}}})}}, "x"}),
           Json{{"true", 1}, {"200", "x"}, {"a b", Json::object()}, {"", nullptr}, {"x:", words}},
           Json{{"properties", {{"type", {{"type", "string"}}}, {"id", Json::object()}}}}}) {
    EXPECT_THAT(ReadBack(value), IsOkAndHolds(value)) << value;
  }
}

TEST(WriteManifestTest, RandomTextsReadBack) {
  std::mt19937 random(7);
  const std::string alphabet = "ab c:#-?[]{},&*!|>'\"%@`\\\n$~.0/ ";
  for (int i = 0; i < 3000; ++i) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    const Json value{{text.substr(0, 20), text}, {"list", Json::array({text, Json{{"k", text}}})}};
    ASSERT_THAT(ReadBack(value), IsOkAndHolds(value)) << value;
  }
}

TEST(WriteManifestTest, IsReadable) {
  const std::string text = WriteManifest(
      "Proposed from a description.\n\nRead it before use.",
      {{.name = "name", .value = "book"},
       {.name = "parameters",
        .value = {{"type", "object"},
                  {"properties", {{"slot", {{"type", "string"}, {"format", "date-time"}}}}},
                  {"required", Json::array({"slot"})}}},
       {.name = "window", .value = "10m"},
       {.name = "intent",
        .comment = "Which arguments make two calls the same decision?",
        .fields = {{.name = "identity", .fields = {{.name = "slot", .value = "instant"}}}},
        .form = Form::kCommentedOut},
       {.name = "http",
        .fields = {{.name = "url",
                    .value = "${API:-https://a.example}/b",
                    .dollars = Dollars::kEnvironment},
                   {.name = "outcomes", .value = {{"404", "already_gone"}}}}}});
  EXPECT_EQ(text, R"(# Proposed from a description.
#
# Read it before use.
name: book
parameters:
  type: object
  required: [slot]
  properties:
    slot: { type: string, format: date-time }
window: 10m
# Which arguments make two calls the same decision?
# intent:
#   identity:
#     slot: instant
http:
  url: "${API:-https://a.example}/b"
  outcomes: { 404: already_gone }
)");
}

class WrittenManifestTest : public CatalogTest {};

TEST_F(WrittenManifestTest, LoadsAndOnlyMeantVariablesAreReplaced) {
  variables_["API"] = "http://127.0.0.1:9";
  Write(
      "find.yaml",
      WriteManifest(
          "",
          {{.name = "name", .value = "find"},
           {.name = "description", .value = "Finds ${API} and $${x}."},
           {.name = "effect", .value = "READ"},
           {.name = "parameters", .value = {{"type", "object"}, {"additionalProperties", false}}},
           {.name = "http",
            .fields = {{.name = "method", .value = "GET"},
                       {.name = "url", .value = "${API}/x", .dollars = Dollars::kEnvironment}}}}));
  const Catalog catalog = Load();
  ASSERT_THAT(Said(catalog), IsEmpty());
  EXPECT_EQ(catalog.tools->Find("find")->description, "Finds ${API} and $${x}.");
  EXPECT_EQ(catalog.tools->Find("find")->http->origin, "http://127.0.0.1:9");
}

TEST(JsonFromYamlTest, NamesTheLineOfAFault) {
  EXPECT_THAT(JsonFromYaml("a: 1\na: 2\n", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: has \"a\" twice")));
  EXPECT_THAT(JsonFromYaml("a: 1e999\n", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a: is a number too large")));
  EXPECT_THAT(JsonFromYaml("a: [[1]]\n", {.depth = 2}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("deeper than 2 levels")));
  EXPECT_THAT(JsonFromYaml("a: 1\n", {.bytes = 4}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer than 4 bytes")));
}

}  // namespace
}  // namespace onetake::testing
