#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/catalog/export.h"

namespace onetake {
namespace {

class FixedSchema final : public JsonSchema {
 public:
  explicit FixedSchema(Json document) : document_(std::move(document)) {}
  std::vector<Violation> Check(const Json&) const override { return {}; }
  const Json& document() const override { return document_; }

 private:
  const Json document_;
};

ToolSet TwoTools() {
  auto find = std::make_shared<Tool>();
  find->name = "find";
  find->description = "Finds \"it\".";
  find->version = "0011223344556677";
  find->effect = Effect::kRead;
  find->parameters = std::make_shared<FixedSchema>(
      Json{{"$schema", "http://json-schema.org/draft-07/schema#"},
           {"$id", "find.json"},
           {"$comment", "for us"},
           {"type", "object"},
           {"properties",
            {{"day", {{"type", "string"}, {"$comment", "for us"}, {"x-onetake-store", "drop"}}},
             {"$comment", {{"const", {{"$comment", "is a value"}}}}}}}});
  auto book = std::make_shared<Tool>();
  book->name = "book";
  book->description = "Books it.";
  book->version = "8899aabbccddeeff";
  book->safety.keyed = true;
  book->safety.probed = true;
  book->parameters = std::make_shared<FixedSchema>(Json{{"type", "object"}});
  return ToolSet({find, book});
}

struct FormatCase {
  ToolFormat format;
  const char* expected;
};

class ExportToolsTest : public ::testing::TestWithParam<FormatCase> {};

TEST_P(ExportToolsTest, HasTheShapeThatTheModelsApiTakes) {
  // Bytes, not values: prompt caches compare bytes.
  EXPECT_EQ(ExportTools(TwoTools(), GetParam().format).dump(),
            Json::parse(GetParam().expected).dump());
}

INSTANTIATE_TEST_SUITE_P(Formats, ExportToolsTest,
                         ::testing::Values(FormatCase{ToolFormat::kNative, R"([
          {"name": "book", "description": "Books it.", "version": "8899aabbccddeeff",
           "effect": "WRITE", "safety": "KEYED+PROBED", "parameters": {"type": "object"},
           "patience_ms": 4000, "filler_ms": 1500},
          {"name": "find", "description": "Finds \"it\".", "version": "0011223344556677",
           "effect": "READ",
           "parameters": {"type": "object",
                          "properties": {"day": {"type": "string"},
                          "$comment": {"const": {"$comment": "is a value"}}}},
           "patience_ms": 4000, "filler_ms": 1500}])"},
                                           FormatCase{ToolFormat::kOpenAi, R"([
          {"type": "function", "function":
            {"name": "book", "description": "Books it.", "parameters": {"type": "object"}}},
          {"type": "function", "function":
            {"name": "find", "description": "Finds \"it\".",
             "parameters": {"type": "object",
                            "properties": {"day": {"type": "string"},
                          "$comment": {"const": {"$comment": "is a value"}}}}}}])"},
                                           FormatCase{ToolFormat::kOpenAiFlat, R"([
          {"type": "function", "name": "book", "description": "Books it.",
           "parameters": {"type": "object"}},
          {"type": "function", "name": "find", "description": "Finds \"it\".",
           "parameters": {"type": "object",
                          "properties": {"day": {"type": "string"},
                          "$comment": {"const": {"$comment": "is a value"}}}}}])"},
                                           FormatCase{ToolFormat::kAnthropic, R"([
          {"name": "book", "description": "Books it.", "input_schema": {"type": "object"}},
          {"name": "find", "description": "Finds \"it\".",
           "input_schema": {"type": "object",
                            "properties": {"day": {"type": "string"},
                          "$comment": {"const": {"$comment": "is a value"}}}}}])"},
                                           FormatCase{ToolFormat::kGemini,
                                                      R"([{"functionDeclarations": [
          {"name": "book", "description": "Books it.",
           "parametersJsonSchema": {"type": "object"}},
          {"name": "find", "description": "Finds \"it\".",
           "parametersJsonSchema": {
             "type": "object",
             "properties": {"day": {"type": "string"},
                          "$comment": {"const": {"$comment": "is a value"}}}}}]}])"},
                                           FormatCase{ToolFormat::kMcp, R"([
          {"name": "book", "description": "Books it.",
           "inputSchema": {"$schema": "http://json-schema.org/draft-07/schema#",
                           "type": "object"},
           "annotations": {"readOnlyHint": false, "destructiveHint": true,
                           "idempotentHint": true, "openWorldHint": true}},
          {"name": "find", "description": "Finds \"it\".",
           "inputSchema": {"$schema": "http://json-schema.org/draft-07/schema#",
                           "type": "object",
                           "properties": {"day": {"type": "string"},
                          "$comment": {"const": {"$comment": "is a value"}}}},
           "annotations": {"readOnlyHint": true, "openWorldHint": true}}])"}),
                         [](const auto& info) { return std::string(ToString(info.param.format)); });

TEST(ExportToolsTest, NoToolsAreAnEmptyListInEveryFormat) {
  for (const ToolFormat format : {ToolFormat::kNative, ToolFormat::kOpenAi, ToolFormat::kOpenAiFlat,
                                  ToolFormat::kAnthropic, ToolFormat::kGemini, ToolFormat::kMcp}) {
    EXPECT_EQ(ExportTools(ToolSet(), format), Json::array()) << ToString(format);
  }
}

}  // namespace
}  // namespace onetake
