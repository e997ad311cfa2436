#include "tools/mcp/mcp_import.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/utf8.h"
#include "runtime/catalog/key_likeness.h"
#include "runtime/catalog/manifest_writer.h"
#include "runtime/json/schema.h"
#include "tools/mcp/mcp_call.h"
#include "tools/mcp/tool_digest.h"
#include "tools/mcp/tool_headers.h"
#include "tools/openapi/plain_schema.h"

namespace onetake {
namespace {

constexpr size_t kShownBytes = 120;

constexpr size_t kDescriptionBytes = 4096;

bool Hint(const Json& tool, const char* name) {
  const auto annotations = tool.find("annotations");
  return annotations != tool.end() && annotations->is_object() &&
         annotations->value(name, Json()) == Json(true);
}

// Finds a name that every model's API takes, and that no other proposal has.
std::string NameFor(absl::string_view tool, std::set<std::string>& taken) {
  std::string name;
  for (const char c : tool.substr(0, limits::kToolNameBytes - 4)) {
    name.push_back(absl::ascii_isalnum(c) || c == '_' || c == '-' ? c : '_');
  }
  if (name.empty() || !absl::ascii_isalpha(name[0])) name.insert(0, "t_");
  std::string free = name;
  for (int i = 2; !taken.insert(free).second; ++i) free = absl::StrCat(name, "_", i);
  return free;
}

std::string DescriptionOf(const Json& tool) {
  for (const char* name : {"description", "title", "name"}) {
    const Json text = tool.value(name, Json());
    if (!text.is_string() || text.get_ref<const std::string&>().empty()) continue;
    return std::string(Utf8Prefix(text.get_ref<const std::string&>(), kDescriptionBytes));
  }
  return "";
}

// The server's schema as a manifest takes it.
struct Parameters {
  Json schema;  // an object in any case
  std::vector<std::string> notes;
  std::string unreadable;  // why `schema` can stand in no manifest; empty: it can
};

// What loads as it is stays as it is, but for the dialect, whose name is another one in draft 7.
Parameters ParametersOf(const Json& tool) {
  Json schema = tool.value("inputSchema", Json::object());
  if (!schema.is_object()) {
    return {.schema = {{"type", "object"}}, .notes = {}, .unreadable = "inputSchema is no object"};
  }
  schema.erase("$schema");
  schema["type"] = "object";
  if (JsonSchema::Compile(schema).ok()) return {.schema = std::move(schema)};
  absl::StatusOr<PlainSchema> plain = ConvertPlainSchema(schema);
  if (plain.ok()) return {std::move(plain->schema), std::move(plain->notes)};
  return {.schema = std::move(schema),
          .notes = {},
          .unreadable = std::string(plain.status().message())};
}

ManifestField ParametersField(const Parameters& parameters) {
  if (parameters.unreadable.empty()) return {.name = "parameters", .value = parameters.schema};
  return {
      .name = "parameters",
      .value = {{"type", "object"}},
      .comment = absl::StrCat("The server's schema cannot be taken over: ", parameters.unreadable,
                              ".\nIt is in the .mcp.json beside this file. Write what a model "
                              "is asked for, in draft 7; without it the tool is not loaded."),
      .form = ManifestField::Form::kCommentedOut};
}

ManifestField McpFields(const std::string& server, const Json& tool, const McpProposal& proposal) {
  ManifestField mcp{.name = "mcp"};
  mcp.fields.push_back({.name = "server", .value = server});
  if (proposal.tool != proposal.name) {
    mcp.fields.push_back({.name = "tool", .value = proposal.tool});
  }
  mcp.fields.push_back({.name = "reviewed",
                        .value = proposal.digest,
                        .comment =
                            "Of the server's schemas and annotations, as they are in the "
                            ".mcp.json beside this file. Calls are refused when they change."});
  if (proposal.effect != "READ") {
    mcp.fields.push_back({.name = "is_error",
                          .value = "rejected",
                          .comment = "Only if an answer with isError surely means that nothing was "
                                     "done. Without it such an answer leaves the write unknown.",
                          .form = ManifestField::Form::kCommentedOut});
  }
  if (tool.contains("outputSchema")) {
    mcp.fields.push_back({.name = "result", .value = "structured"});
  }
  return mcp;
}

ManifestField IntentHint(const Json& parameters) {
  std::set<std::string> keys;
  for (const KeyLikeArgument& key : KeyLikeArguments(parameters)) {
    if (key.names.size() == 1) keys.insert(key.names[0]);
  }
  ManifestField identity{.name = "identity"};
  const Json properties = parameters.value("properties", Json::object());
  for (const auto& [name, schema] : properties.items()) {
    if (properties.is_object() && !keys.contains(name)) {
      identity.fields.push_back({.name = name, .value = "verbatim"});
    }
  }
  ManifestField intent{.name = "intent",
                       .comment =
                           "Which arguments make two calls the same decision? Keep those, "
                           "and put free text under `ignored`. Without it all of them do.",
                       .form = ManifestField::Form::kCommentedOut};
  if (!identity.fields.empty()) intent.fields.push_back(std::move(identity));
  if (!keys.empty()) {
    absl::StrAppend(&intent.comment,
                    "\nWhat looks like an idempotency key decides nothing: a model makes a new one "
                    "up on every retry.");
    intent.fields.push_back({.name = "ignored", .value = keys});
  }
  return intent;
}

ManifestField SafetyHint(const Json& tool, const Json& parameters, const McpProposal& proposal) {
  const ManifestField natural{.name = "natural", .value = true};
  if (proposal.effect == "WRITE NATURAL") {
    return {.name = "safety",
            .comment =
                "The server says idempotentHint. That is a hint: keep this only if "
                "the same call again surely leaves the same state.",
            .fields = {natural}};
  }
  if (Hint(tool, "idempotentHint")) {
    return {.name = "safety",
            .comment = absl::StrCat("The server says idempotentHint, maybe only of calls with the "
                                    "same ",
                                    KeyLikeArguments(parameters)[0].Shown(),
                                    ", which a model makes up anew. Keep this only if the same "
                                    "call under another one surely leaves the same state."),
            .fields = {natural},
            .form = ManifestField::Form::kCommentedOut};
  }
  return {.name = "safety",
          .comment = absl::StrCat("Only if the server heeds a key in _meta (it always gets ",
                                  std::string(kIntentKeyMeta),
                                  "). Otherwise it is never sent "
                                  "twice."),
          .fields = {{.name = "keyed",
                      .fields = {{.name = "mcp_meta", .value = std::string(kIntentKeyMeta)},
                                 {.name = "retention", .value = "24h"}}}},
          .form = ManifestField::Form::kCommentedOut};
}

void AddWriteFields(const Json& tool, const Json& parameters, const McpProposal& proposal,
                    std::vector<ManifestField>& fields) {
  ManifestField intent = IntentHint(parameters);
  if (!intent.fields.empty()) fields.push_back(std::move(intent));
  fields.push_back(SafetyHint(tool, parameters, proposal));
}

// A hint of idempotency may be true only because of a key among the arguments.
std::string EffectOf(const Json& tool, const Json& parameters) {
  if (Hint(tool, "readOnlyHint")) return "READ";
  const bool natural = Hint(tool, "idempotentHint") && KeyLikeArguments(parameters).empty();
  return natural ? "WRITE NATURAL" : "WRITE NONE";
}

std::string EffectComment(const std::string& effect) {
  if (effect == "READ") {
    return "The server says readOnlyHint. That is a hint: keep this only if the tool surely "
           "changes "
           "nothing.";
  }
  return "";
}

// Why the tool can never be called; empty when it can.
std::string Refusal(const Json& tool) {
  const Json execution = tool.value("execution", Json::object());
  if (execution.is_object() && execution.value("taskSupport", Json()) == Json("required")) {
    return "it runs only as a task of 2025-11-25, which this client does not speak";
  }
  const auto headers = ToolHeaders(tool.value("inputSchema", Json::object()));
  return headers.ok() ? "" : std::string(headers.status().message());
}

std::string Heading(const std::string& server, const McpProposal& proposal) {
  std::string heading =
      absl::StrCat("Proposed by onetake tools import mcp from what the server ", server,
                   " says of its tool. A person decides: see the comments.");
  for (const std::string& note : proposal.notes) absl::StrAppend(&heading, "\nNote: ", note, ".");
  return heading;
}

McpProposal Propose(const std::string& server, const std::string& tool_name, const Json& tool,
                    std::set<std::string>& taken) {
  const Parameters parameters = ParametersOf(tool);
  McpProposal proposal{.tool = tool_name,
                       .effect = EffectOf(tool, parameters.schema),
                       .reviewed = ReviewedPart(tool),
                       .digest = ReviewDigest(tool),
                       .refused = Refusal(tool),
                       .notes = parameters.notes};
  if (!proposal.refused.empty()) return proposal;
  if (!parameters.unreadable.empty()) {
    proposal.is_draft = true;
    proposal.notes.push_back(
        absl::StrCat("write its parameters yourself: ", parameters.unreadable));
  }
  proposal.name = NameFor(tool_name, taken);
  std::vector<ManifestField> fields = {{.name = "name", .value = proposal.name},
                                       {.name = "description", .value = DescriptionOf(tool)},
                                       {.name = "effect",
                                        .value = proposal.effect == "READ" ? "READ" : "WRITE",
                                        .comment = EffectComment(proposal.effect)},
                                       ParametersField(parameters)};
  if (proposal.effect != "READ") AddWriteFields(tool, parameters.schema, proposal, fields);
  fields.push_back(McpFields(server, tool, proposal));
  proposal.manifest = WriteManifest(Heading(server, proposal), fields);
  return proposal;
}

// A piece of a definition, for a line.
std::string Shortly(const Json& piece) {
  const std::string text = DumpJson(piece);
  return text.size() <= kShownBytes ? text : absl::StrCat(text.substr(0, kShownBytes), "...");
}

}  // namespace

std::vector<McpProposal> ProposeMcpTools(const std::string& server, const McpClient::Tools& tools) {
  std::vector<McpProposal> proposals;
  std::set<std::string> taken;
  for (const auto& [name, tool] : tools) {
    proposals.push_back(Propose(server, name, tool, taken));
  }
  return proposals;
}

std::vector<std::string> ReviewDifferences(const Json& before, const Json& after) {
  std::vector<std::string> lines;
  Json so_far = before;  // each step of a diff builds on what the ones before left
  for (const Json& change : Json::diff(before, after)) {
    const std::string op = change.value("op", "");
    const std::string path = change.value("path", "");
    const Json::json_pointer place(path);
    const std::string old = op == "add" ? "" : Shortly(so_far.value(place, Json()));
    const std::string now = op == "remove" ? "" : Shortly(change.value("value", Json()));
    const char* sign = op == "add" ? "+ " : op == "remove" ? "- " : "~ ";
    const char* arrow = op == "replace" ? " -> " : "";
    lines.push_back(absl::StrCat(sign, path, " ", old, arrow, now));
    so_far = so_far.patch(Json::array({change}));
  }
  return lines;
}

}  // namespace onetake
