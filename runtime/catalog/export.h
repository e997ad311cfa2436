#pragma once

#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"
#include "runtime/json/json.h"

namespace onetake {

// The shapes in which the APIs of language models take their tools.
enum class ToolFormat {
  kNative,      // name, description, version, effect, safety, parameters, timeouts in milliseconds
  kOpenAi,      // Chat Completions: {type, function: {name, description, parameters}}
  kOpenAiFlat,  // Responses and Realtime: {type, name, description, parameters}
  kAnthropic,   // {name, description, input_schema}
  kGemini,      // [{functionDeclarations: [{name, description, parametersJsonSchema}]}]
  kMcp,         // result of tools/list: {name, description, inputSchema, annotations}
};

// Returns "native", "openai", "openai_flat", "anthropic", "gemini" or "mcp".
absl::string_view ToString(ToolFormat format);

// A JSON array of all tools, to be put where that API expects its tools; sorted by name, so that
// DumpJson() of it has the same bytes every time (prompt caches hit). It holds only what the model
// may fill in: session, tenant and key are no parameters.
//
// MCP's annotations come from the effect. READ: readOnlyHint. WRITE: destructiveHint, because a
// manifest does not say that a write only adds; and idempotentHint, because onetake answers a
// repeated identical call of a session from the ledger instead of sending it again. That hint is
// true only of calls that go through onetake.
Json ExportTools(const ToolSet& tools, ToolFormat format);

}  // namespace onetake
