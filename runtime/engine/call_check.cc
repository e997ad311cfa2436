#include "runtime/engine/call_check.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/intent/key.h"
#include "runtime/ledger/result_ref.h"

namespace onetake {
namespace {

absl::Status CheckId(absl::string_view field, absl::string_view value) {
  ONETAKE_RETURN_IF_ERROR(CheckLength(field, value, limits::kIdBytes));
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return BadField(field, "holds a control character");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAttributes(const std::map<std::string, std::string>& attributes) {
  if (attributes.size() > limits::kAttributes) {
    return BadField("attributes", absl::StrCat("has more than ", limits::kAttributes, " entries"));
  }
  for (const auto& [name, value] : attributes) {
    if (name.empty() || name.size() > limits::kAttributeKeyBytes) {
      return BadField("attributes", absl::StrCat("a name is empty or longer than ",
                                                 limits::kAttributeKeyBytes, " bytes"));
    }
    ONETAKE_RETURN_IF_ERROR(
        CheckLength(absl::StrCat("attributes.", name), value, limits::kAttributeValueBytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ScopeText(const ScopePart& part, const ToolCall& call) {
  switch (part.kind) {
    case ScopeKind::kSession:
      if (call.session_id.empty()) {
        return BadField("session_id",
                        "is required: the intent of this tool is scoped to the session");
      }
      return absl::StrCat("session:", call.session_id);
    case ScopeKind::kTenant: return std::string("tenant:");
    case ScopeKind::kAttribute: {
      const auto found = call.attributes.find(part.attribute);
      if (found == call.attributes.end() || found->second.empty()) {
        return BadField(absl::StrCat("attributes.", part.attribute),
                        "is required: the intent of this tool is scoped to it");
      }
      return absl::StrCat("attribute:", part.attribute, "=", found->second);
    }
  }
  return absl::InternalError("unknown scope");
}

// One part stands for itself; several are a JSON array, so that no two lists have one text.
absl::StatusOr<std::string> ScopeOf(const Tool& tool, const ToolCall& call) {
  Json parts = Json::array();
  for (const ScopePart& part : tool.intent.scope) {
    ONETAKE_ASSIGN_OR_RETURN(std::string text, ScopeText(part, call));
    parts.push_back(std::move(text));
  }
  if (parts.size() == 1) return parts[0].get<std::string>();
  return CanonicalJson(parts);
}

// MakeIdentity's messages begin with the path of the field at fault.
InvalidArgument FromIdentityError(absl::string_view message) {
  const size_t colon = message.find(": ");
  if (message.empty() || message[0] != '$' || colon == absl::string_view::npos) {
    return {.path = "", .reason = std::string(message), .expected = ""};
  }
  return {.path = std::string(message.substr(0, colon)),
          .reason = std::string(message.substr(colon + 2)),
          .expected = ""};
}

// The argument of this call that `path`, an argument of the tool it undoes, is made of.
std::string MappedFrom(const Json& mapping, absl::string_view path) {
  const absl::StatusOr<JsonPath> parsed = JsonPath::Parse(path);
  if (!parsed.ok()) return "$";
  const auto mapped = mapping.find(std::string(parsed->first_name()));
  const bool is_path = mapped != mapping.end() && mapped->is_string() &&
                       absl::StartsWith(mapped->get_ref<const std::string&>(), "$.");
  return is_path ? mapped->get<std::string>() : "$";
}

}  // namespace

absl::Status CheckCaller(const ToolCall& call) {
  if (call.tool.empty()) return BadField("tool", "is required");
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool", call.tool, limits::kToolNameBytes));
  ONETAKE_RETURN_IF_ERROR(CheckId("session_id", call.session_id));
  ONETAKE_RETURN_IF_ERROR(CheckId("tool_call_id", call.tool_call_id));
  ONETAKE_RETURN_IF_ERROR(CheckId("turn_id", call.turn_id));
  ONETAKE_RETURN_IF_ERROR(CheckId("intent_id", call.intent_id));
  ONETAKE_RETURN_IF_ERROR(CheckAttributes(call.attributes));
  ONETAKE_RETURN_IF_ERROR(
      CheckLength("confirm_token", call.confirm_token, limits::kConfirmTokenBytes));
  if (call.occurrence < 0 || call.occurrence > limits::kMaxOccurrence) {
    return BadField("occurrence", absl::StrCat("must be 0 to ", limits::kMaxOccurrence));
  }
  if (call.occurrence > 0 && call.turn_id.empty()) {
    return BadField("turn_id",
                    "is required with an occurrence: it is the evidence that the user asked again");
  }
  if (call.patience.has_value() &&
      (*call.patience < absl::ZeroDuration() || *call.patience > limits::kMaxPatience)) {
    return BadField("patience_ms",
                    absl::StrCat("must be 0 to ", absl::ToInt64Milliseconds(limits::kMaxPatience)));
  }
  return absl::OkStatus();
}

Json CheckArguments(const Tool& tool, absl::string_view arguments_json,
                    std::vector<InvalidArgument>& invalid) {
  if (arguments_json.empty()) arguments_json = "{}";
  absl::StatusOr<Json> parsed = ParseJson(arguments_json, ArgumentLimits());
  if (!parsed.ok()) {
    invalid.push_back({.path = "arguments",
                       .reason = std::string(parsed.status().message()),
                       .expected = "one JSON object"});
    return {};
  }
  if (!parsed->is_object()) {
    invalid.push_back({.path = "$", .reason = "is not an object", .expected = "one JSON object"});
    return {};
  }
  for (JsonSchema::Violation& violation : tool.parameters->Check(*parsed)) {
    invalid.push_back({.path = std::move(violation.path),
                       .reason = std::move(violation.reason),
                       .expected = std::move(violation.expected),
                       .shape = std::move(violation.shape)});
  }
  return *std::move(parsed);
}

std::string DeliveryFingerprint(const ToolCall& call, const Secret& tenant_key) {
  const absl::StatusOr<Json> parsed =
      ParseJson(call.arguments_json.empty() ? "{}" : call.arguments_json, ArgumentLimits());
  return Fingerprint(tenant_key, call.tool,
                     parsed.ok() ? CanonicalJson(*parsed) : call.arguments_json, call.intent_id,
                     call.occurrence);
}

absl::StatusOr<IntentIdentity> IdentifyIntent(const Tool& tool, const ToolCall& call,
                                              const Json& arguments,
                                              std::vector<InvalidArgument>& invalid) {
  IntentIdentity intent;
  intent.tenant = call.tenant;
  intent.tool = tool.name;
  intent.occurrence = call.occurrence;
  ONETAKE_ASSIGN_OR_RETURN(intent.scope, ScopeOf(tool, call));
  if (!call.intent_id.empty()) {
    intent.identity = Json{{"intent_id", call.intent_id}};
    return intent;
  }
  if (tool.intent.identity.empty()) {
    intent.identity = GuardedArguments(arguments, {}, tool.intent.ignored);
    return intent;
  }
  absl::StatusOr<Json> identity =
      MakeIdentity(tool.intent.identity, arguments, tool.intent.normalisers);
  if (!identity.ok()) {
    invalid.push_back(FromIdentityError(identity.status().message()));
    return intent;
  }
  intent.identity = *std::move(identity);
  return intent;
}

absl::StatusOr<std::string> KeyFor(const Tool& tool, const ToolCall& call,
                                   const IntentIdentity& intent, const Json& arguments,
                                   int generation, const Secret& tenant_key) {
  // An intent that the orchestrator named is not described by the template's arguments.
  if (!tool.intent.key_template.has_value() || !call.intent_id.empty()) {
    return IntentKey(tenant_key, intent, generation);
  }
  Json values = arguments;
  values["session_id"] = call.session_id;
  values["tenant"] = call.tenant;
  ONETAKE_ASSIGN_OR_RETURN(std::string key,
                           TemplateKey(*tool.intent.key_template, values, generation));
  if (intent.occurrence > 0) absl::StrAppend(&key, ":o", intent.occurrence);
  return key;
}

std::string ArgumentOf(absl::string_view path) {
  if (!absl::StartsWith(path, "$.")) return "$";
  return std::string(path.substr(0, path.find_first_of(".[", 2)));
}

std::string RecordedScope(const Tool& tool, const ToolCall& call, const Secret& tenant_key) {
  std::vector<std::string> parts;
  for (const ScopePart& part : tool.intent.scope) {
    switch (part.kind) {
      case ScopeKind::kSession: parts.push_back(absl::StrCat("session:", call.session_id)); break;
      case ScopeKind::kTenant: parts.emplace_back("tenant:"); break;
      case ScopeKind::kAttribute: {
        const auto found = call.attributes.find(part.attribute);
        const std::string value = found == call.attributes.end() ? "" : found->second;
        parts.push_back(
            absl::StrCat("attribute:", part.attribute,
                         "=hmac:", StoredDigest(tenant_key, part.attribute, value).substr(0, 16)));
        break;
      }
    }
  }
  return absl::StrJoin(parts, " ");
}

std::string SubjectOf(const Tool& tool, const ToolCall& call, const Json& arguments,
                      const Secret& tenant_key) {
  if (!tool.intent.near.has_value()) return "";
  const NearSpec& near = *tool.intent.near;
  const absl::StatusOr<Json> same = MakeIdentity(near.same, arguments, tool.intent.normalisers);
  // Arguments without a normal form are INVALID already if they are in the identity.
  return same.ok() ? SubjectId(tenant_key, call.tenant, tool.name, *same) : "";
}

// 7 and "7" name the same thing.
std::string ReferenceDigest(const Secret& tenant_key, absl::string_view tool, const Json& node) {
  return StoredDigest(tenant_key, tool,
                      node.is_string() ? node.get<std::string>() : CanonicalJson(node));
}

std::optional<std::string> ResultRef(const Tool& tool, const std::string& result_json,
                                     const Secret& tenant_key) {
  if (!tool.result_ref.has_value()) return std::nullopt;
  const absl::StatusOr<Json> result = ParseJson(result_json, ResultLimits());
  const Json* node = result.ok() ? tool.result_ref->Find(*result) : nullptr;
  if (node == nullptr || node->is_null()) return std::nullopt;
  return ReferenceDigest(tenant_key, tool.name, *node);
}

std::string UndoesRef(const Tool& tool, const IntentRecord& record, const Secret& tenant_key) {
  if (!record.undoes_ref.empty()) return record.undoes_ref;
  // Earlier programs did not keep it at the claim.
  if (!tool.reverses.has_value() || record.reverses_row != 0 || record.hides) return "";
  if (!tool.reverses->argument.has_value()) return "";
  const absl::StatusOr<Json> arguments = ParseJson(record.arguments_json, ResultLimits());
  const Json* node = arguments.ok() ? tool.reverses->argument->Find(*arguments) : nullptr;
  if (node == nullptr || node->is_null()) return "";
  return absl::StrCat(kUndoes, ReferenceDigest(tenant_key, tool.reverses->tool, *node));
}

ReversalTarget FindReversalTarget(const Tool& tool, const ToolSet& tools, const ToolCall& call,
                                  const Json& arguments, const Secret& tenant_key,
                                  std::vector<InvalidArgument>& invalid) {
  if (!tool.reverses.has_value()) return {};
  const ReversesSpec& reverses = *tool.reverses;
  if (reverses.argument.has_value()) {
    const Json* node = reverses.argument->Find(arguments);
    if (node == nullptr || node->is_null()) return {};
    return {.intent_id = "", .ref = ReferenceDigest(tenant_key, reverses.tool, *node)};
  }
  const std::shared_ptr<const Tool> target = tools.Find(reverses.tool);
  if (target == nullptr || !reverses.identity.has_value()) return {};
  ToolCall original = call;
  original.intent_id.clear();
  original.occurrence = 0;
  std::vector<InvalidArgument> unfit;
  const absl::StatusOr<IntentIdentity> intent =
      IdentifyIntent(*target, original, reverses.identity->Render(arguments), unfit);
  for (InvalidArgument& argument : unfit) {
    argument.path = MappedFrom(reverses.identity->source(), argument.path);
    argument.expected = absl::StrCat("what ", reverses.tool, " takes, which this undoes");
    invalid.push_back(std::move(argument));
  }
  if (!intent.ok() || !unfit.empty()) return {};
  return {.intent_id = IntentId(tenant_key, *intent), .ref = ""};
}

std::vector<std::string> UndoingByResult(const ToolSet& tools, const std::string& tool) {
  std::vector<std::string> names;
  for (const std::shared_ptr<const Tool>& other : tools.tools()) {
    const bool undoes = other->reverses.has_value() && other->reverses->tool == tool;
    if (undoes && other->reverses->argument.has_value()) names.push_back(other->name);
  }
  return names;
}

std::optional<InvalidArgument> CheckNaming(const Tool& tool, const ToolSet& tools,
                                           const ToolCall& call) {
  if (call.occurrence == 0 && call.intent_id.empty()) return std::nullopt;
  if (call.occurrence > 0 && tool.safety.natural && !tool.safety.keyed) {
    return InvalidArgument{.path = "occurrence",
                           .reason =
                               "a further wish for the very same thing would change nothing: "
                               "the same request makes the same state",
                           .expected = "0, or other arguments"};
  }
  const auto undoes = [&tool](const std::shared_ptr<const Tool>& other) {
    return other->reverses.has_value() && other->reverses->identity.has_value() &&
           other->reverses->tool == tool.name;
  };
  const auto undo = absl::c_find_if(tools.tools(), undoes);
  if (undo == tools.tools().end()) return std::nullopt;
  return InvalidArgument{
      .path = call.occurrence > 0 ? "occurrence" : "intent_id",
      .reason = absl::StrCat((*undo)->name,
                             " undoes it by the identity arguments alone, and would "
                             "not find it"),
      .expected = call.occurrence > 0 ? "0" : "none"};
}

}  // namespace onetake
