#include "tools/openapi/proposal.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/openapi/identity_hint.h"
#include "tools/openapi/names.h"
#include "tools/openapi/prose.h"

namespace onetake {
namespace {

using Field = ManifestField;

constexpr size_t kInlineSchemaBytes = 4 * 1024;
constexpr size_t kDescriptionBytes = 1000;
constexpr size_t kQuoteBytes = 300;

Json ToJson(const std::map<std::string, std::string>& map) {
  Json json = Json::object();
  for (const auto& [name, value] : map) json[name] = value;
  return json;
}

bool IsWrite(const ToolDraft& draft) { return draft.effect.effect == Effect::kWrite; }

RetrySafety SafetyOf(const ToolDraft& draft) {
  return {.keyed = draft.request.key.has_value(), .natural = draft.natural.natural};
}

Field Parameters(const ToolDraft& draft, ImportedTool& tool) {
  if (DumpJson(draft.request.schema).size() <= kInlineSchemaBytes) {
    return {.name = "parameters", .value = draft.request.schema};
  }
  const std::string name = absl::StrCat(draft.name, ".schema.json");
  tool.files.push_back({.name = name, .text = absl::StrCat(draft.request.schema.dump(2), "\n")});
  return {.name = "parameters", .value = {{"$ref", name}}};
}

Field Keyed(const ToolDraft& draft, ImportedTool& tool) {
  const DocumentedKey& key = *draft.request.key;
  const bool header = key.place == DocumentedKey::Place::kHeader;
  Field keyed{.name = "keyed",
              .comment = "An idempotency key is documented, and onetake fills it in."};
  if (!key.description.empty()) {
    absl::StrAppend(&keyed.comment, " \"", Shortened(ProseText(key.description), kQuoteBytes),
                    "\"");
  }
  if (absl::StrContains(absl::AsciiStrToLower(key.format), "uuid")) {
    absl::StrAppend(&keyed.comment, "\nIts format is ", key.format,
                    "; our keys are 32 hex digits without dashes: try whether they are taken.");
  }
  keyed.fields.push_back(
      {.name = header ? "header" : "body", .value = header ? key.name : PathOfMember(key.name)});
  Field retention{.name = "retention"};
  if (const auto said = RetentionOf(draft.operation, key)) {
    retention.value = *said;
    retention.comment = "As the description says.";
  } else if (!draft.default_retention.empty()) {
    retention.value = draft.default_retention;
    retention.comment = "By --retention of the import; the description does not say.";
  } else {
    retention.value = "24h";
    retention.form = Field::Form::kCommentedOut;
    retention.comment =
        "How long does this API remember a key? The description does not say, and the tool is not "
        "loaded until somebody has looked it up: a second send after that is a second write.";
    tool.notes.push_back("retention of its keys is not documented: fill it in");
  }
  keyed.fields.push_back(std::move(retention));
  return keyed;
}

Field Safety(const ToolDraft& draft, ImportedTool& tool) {
  Field safety{.name = "safety"};
  if (draft.request.key.has_value()) safety.fields.push_back(Keyed(draft, tool));
  if (draft.natural.natural || draft.natural.is_question) {
    safety.fields.push_back(
        {.name = "natural",
         .value = true,
         .comment = draft.natural.reason,
         .form = draft.natural.natural ? Field::Form::kLive : Field::Form::kCommentedOut});
  }
  if (!safety.fields.empty()) return safety;
  safety.form = Field::Form::kCommentedOut;
  safety.value = {{"natural", true}};
  safety.comment = absl::StrCat(
      draft.natural.reason, draft.natural.reason.empty() ? "" : " ",
      "Nothing in the description makes a second send safe, so a write whose answer is lost waits "
      "for a person. Is there a key (keyed), a look-up (probe), or does the same request again "
      "change nothing (natural)?");
  return safety;
}

Field Headers(const ToolDraft& draft) {
  Field headers{.name = "headers"};
  for (const SecretHeader& secret : draft.secrets) {
    Json value{{"secret", {{"env", secret.variable}}}};
    if (!secret.prefix.empty()) value["prefix"] = secret.prefix;
    headers.fields.push_back({.name = secret.name,
                              .value = std::move(value),
                              .comment = absl::StrCat(secret.variable, ": ", secret.comment, ".")});
  }
  for (const auto& [name, text] : draft.request.headers) {
    headers.fields.push_back({.name = name, .value = text});
  }
  if (!draft.answer.accept.empty() && !draft.request.headers.contains("Accept")) {
    headers.fields.push_back({.name = "Accept", .value = draft.answer.accept});
  }
  return headers;
}

Field Http(const ToolDraft& draft) {
  const RequestPlan& request = draft.request;
  Field http{.name = "http"};
  http.fields.push_back({.name = "method", .value = draft.operation.method});
  http.fields.push_back({.name = "url",
                         .value = absl::StrCat(draft.base_url, request.path),
                         .dollars = Field::Dollars::kEnvironment});
  if (!request.query.empty()) {
    http.fields.push_back({.name = "query", .value = ToJson(request.query)});
  }
  Field headers = Headers(draft);
  if (!headers.fields.empty()) http.fields.push_back(std::move(headers));
  if (request.body.has_value()) http.fields.push_back({.name = "body", .value = *request.body});
  if (request.form.has_value()) http.fields.push_back({.name = "form", .value = *request.form});
  if (!request.styles.empty()) {
    http.fields.push_back({.name = "styles", .value = ToJson(request.styles)});
  }
  if (draft.answer.kind == AnswerContent::Kind::kText) {
    http.fields.push_back({.name = "result", .value = "text"});
  }
  if (draft.operation.method == "DELETE" && IsWrite(draft) && draft.natural.natural) {
    http.fields.push_back({.name = "outcomes",
                           .value = {{"404", "already_gone"}, {"410", "already_gone"}},
                           .comment = "After an answer that was lost, \"not there\" is done."});
  }
  return http;
}

// The arguments in the path of a PUT, which name what it replaces; empty when there is nothing
// else that could differ.
std::vector<std::string> ThingOf(const ToolDraft& draft) {
  if (draft.operation.method != "PUT" || !draft.natural.natural) return {};
  const Json* properties = MemberOf(draft.request.schema, "properties");
  const std::vector<std::string>& names = draft.request.path_arguments;
  if (properties == nullptr || names.size() >= properties->size()) return {};
  return names;
}

Field Intent(const ToolDraft& draft) {
  Field intent = IdentityHint(draft.request.schema);
  std::vector<std::string> thing = ThingOf(draft);
  if (thing.empty()) return intent;
  // What is known stands beside what a person has to say.
  for (Field& field : intent.fields) field.form = Field::Form::kCommentedOut;
  if (!intent.fields.empty()) intent.fields.front().comment = std::move(intent.comment);
  intent.comment.clear();
  intent.form = Field::Form::kLive;
  intent.fields.push_back(
      {.name = "sets",
       .value = thing,
       .comment = "By its verb: a PUT replaces what its path names, so a later one takes the place "
                  "of an earlier one. Is that so here?"});
  return intent;
}

std::string Heading(const ToolDraft& draft, const ImportedTool& tool) {
  std::string heading = absl::StrCat(
      draft.operation.method, " ", draft.operation.path, " of ", draft.origin,
      ": a proposal of `onetake tools import openapi`. Check it, decide what its comments ask, and "
      "delete them.");
  for (const std::string& note : tool.notes) absl::StrAppend(&heading, "\nNote: ", note, ".");
  return heading;
}

std::string DescriptionOf(const OpenApiOperation& operation) {
  std::string text = ProseText(operation.description);
  if (text.empty()) text = ProseText(operation.summary);
  if (text.empty()) text = absl::StrCat(operation.method, " ", operation.path);
  return Shortened(text, kDescriptionBytes);
}

}  // namespace

ImportedTool ProposeTool(const ToolDraft& draft) {
  ImportedTool tool{.name = draft.name,
                    .method = draft.operation.method,
                    .path = draft.operation.path,
                    .effect = std::string(ToString(draft.effect.effect)),
                    .notes = draft.request.notes};
  if (draft.operation.deprecated == Flag::kSet) tool.notes.emplace_back("deprecated");
  std::vector<Field> fields;
  fields.push_back({.name = "name", .value = draft.name});
  fields.push_back({.name = "description", .value = DescriptionOf(draft.operation)});
  fields.push_back({.name = "effect", .value = tool.effect, .comment = draft.effect.reason});
  if (!draft.effect.reason.empty()) tool.notes.emplace_back("effect by x-mcp-annotations");
  fields.push_back(Parameters(draft, tool));
  if (IsWrite(draft)) {
    tool.safety = ToString(SafetyOf(draft));
    Field intent = Intent(draft);
    if (!intent.fields.empty()) fields.push_back(std::move(intent));
    fields.push_back(Safety(draft, tool));
  }
  fields.push_back(Http(draft));
  ImportedFile manifest{.name = absl::StrCat(draft.name, ".yaml"),
                        .text = WriteManifest(Heading(draft, tool), fields)};
  tool.files.insert(tool.files.begin(), std::move(manifest));
  return tool;
}

}  // namespace onetake
