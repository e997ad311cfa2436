#include "runtime/catalog/export.h"

#include <iterator>

#include "absl/strings/match.h"

namespace onetake {
namespace {

struct FormatName {
  ToolFormat format;
  absl::string_view name;
};
constexpr FormatName kFormatNames[] = {
    {ToolFormat::kNative, "native"},          {ToolFormat::kOpenAi, "openai"},
    {ToolFormat::kOpenAiFlat, "openai_flat"}, {ToolFormat::kAnthropic, "anthropic"},
    {ToolFormat::kGemini, "gemini"},          {ToolFormat::kMcp, "mcp"},
};

constexpr absl::string_view kDraft7 = "http://json-schema.org/draft-07/schema#";

bool HoldsValues(absl::string_view keyword) {
  return keyword == "enum" || keyword == "const" || keyword == "default" || keyword == "example" ||
         keyword == "examples" || absl::StartsWith(keyword, "x-");
}

// What maps names of its own to schemas.
bool HoldsNames(absl::string_view keyword) {
  return keyword == "properties" || keyword == "definitions" || keyword == "$defs" ||
         keyword == "dependencies";
}

void DropRemarks(Json& schema) {
  if (schema.is_object()) {
    schema.erase("$comment");
    schema.erase("x-onetake-store");
  }
  if (!schema.is_structured()) return;
  for (auto& [keyword, below] : schema.items()) {
    if (schema.is_object() && HoldsValues(keyword)) continue;
    if (schema.is_object() && HoldsNames(keyword)) {
      for (Json& named : below) DropRemarks(named);
    } else {
      DropRemarks(below);
    }
  }
}

// The schema without what is written for validators, maintainers and ourselves: that only costs the
// model tokens, and some APIs refuse it.
Json ModelSchema(const Tool& tool) {
  Json schema = tool.parameters->document();
  schema.erase("$schema");
  schema.erase("$id");
  DropRemarks(schema);
  return schema;
}

Json Native(const Tool& tool) {
  Json json = {{"name", tool.name},
               {"description", tool.description},
               {"version", tool.version},
               {"effect", std::string(ToString(tool.effect))},
               {"parameters", ModelSchema(tool)},
               {"patience_ms", absl::ToInt64Milliseconds(tool.timeouts.patience)},
               {"filler_ms", absl::ToInt64Milliseconds(tool.timeouts.filler)}};
  if (tool.effect == Effect::kWrite) json["safety"] = ToString(tool.safety);
  return json;
}

Json Function(const Tool& tool) {
  return {
      {"name", tool.name}, {"description", tool.description}, {"parameters", ModelSchema(tool)}};
}

Json OpenAiFlat(const Tool& tool) {
  Json json = Function(tool);
  json["type"] = "function";
  return json;
}

Json Anthropic(const Tool& tool) {
  return {
      {"name", tool.name}, {"description", tool.description}, {"input_schema", ModelSchema(tool)}};
}

Json GeminiDeclaration(const Tool& tool) {
  return {{"name", tool.name},
          {"description", tool.description},
          {"parametersJsonSchema", ModelSchema(tool)}};
}

Json Mcp(const Tool& tool) {
  Json schema = ModelSchema(tool);
  schema["$schema"] = kDraft7;  // a schema without a dialect is draft 2020-12 there
  Json annotations = {{"readOnlyHint", tool.effect == Effect::kRead}, {"openWorldHint", true}};
  if (tool.effect == Effect::kWrite) {
    annotations["destructiveHint"] = true;
    annotations["idempotentHint"] = true;
  }
  return {{"name", tool.name},
          {"description", tool.description},
          {"inputSchema", std::move(schema)},
          {"annotations", std::move(annotations)}};
}

Json ExportTool(const Tool& tool, ToolFormat format) {
  switch (format) {
    case ToolFormat::kNative: return Native(tool);
    case ToolFormat::kOpenAi: return {{"type", "function"}, {"function", Function(tool)}};
    case ToolFormat::kOpenAiFlat: return OpenAiFlat(tool);
    case ToolFormat::kAnthropic: return Anthropic(tool);
    case ToolFormat::kGemini: return GeminiDeclaration(tool);
    case ToolFormat::kMcp: return Mcp(tool);
  }
  return nullptr;
}

}  // namespace

absl::string_view ToString(ToolFormat format) {
  for (const FormatName& entry : kFormatNames) {
    if (entry.format == format) return entry.name;
  }
  return "";
}

Json ExportTools(const ToolSet& tools, ToolFormat format) {
  Json exported = Json::array();
  for (const auto& tool : tools.tools()) exported.push_back(ExportTool(*tool, format));
  if (format != ToolFormat::kGemini) return exported;
  // Gemini's `tools` is a list of groups, and refuses an empty group.
  if (exported.empty()) return exported;
  return Json::array({Json{{"functionDeclarations", std::move(exported)}}});
}

}  // namespace onetake
