#include "runtime/engine/call_identity.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/engine/result_reference.h"
#include "runtime/ledger/subject.h"

namespace onetake {
namespace {

absl::StatusOr<std::string> ScopeText(const ScopePart& part, const ToolCall& call) {
  switch (part.kind) {
    case ScopeKind::kSession:
      if (call.session_id.empty()) {
        return BadField("session_id",
                        "is required: the intent of this tool is scoped to the session");
      }
      return absl::StrCat("session:", call.session_id);
    case ScopeKind::kTenant:
      if (ONETAKE_PLANTED_BUG("scope_of_session_always")) {
        return absl::StrCat("session:", call.session_id);
      }
      return std::string("tenant:");
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

// MakeIdentity's messages begin with the path of the field at fault, which may hold a colon itself.
InvalidArgument FromIdentityError(const std::vector<IdentityField>& fields,
                                  absl::string_view message) {
  const auto field = absl::c_find_if(fields, [message](const IdentityField& each) {
    return absl::StartsWith(message, absl::StrCat(each.path, ": "));
  });
  if (field == fields.end()) return {.path = "", .reason = std::string(message), .expected = ""};
  return {.path = field->path,
          .reason = std::string(message.substr(field->path.size() + 2)),
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
    invalid.push_back(FromIdentityError(tool.intent.identity, identity.status().message()));
    return intent;
  }
  intent.identity = *std::move(identity);
  return intent;
}

absl::StatusOr<ReversalTarget> FindReversalTarget(const Tool& tool, const ToolSet& tools,
                                                  const ToolCall& call, const Json& arguments,
                                                  const Secret& tenant_key,
                                                  std::vector<InvalidArgument>& invalid) {
  if (!tool.reverses.has_value()) return ReversalTarget{};
  const ReversesSpec& reverses = *tool.reverses;
  if (reverses.argument.has_value()) {
    const Json* node = reverses.argument->Find(arguments);
    if (node == nullptr || node->is_null()) return ReversalTarget{};
    return ReversalTarget{.intent_id = "",
                          .ref = ReferenceDigest(tenant_key, reverses.tool, *node)};
  }
  const std::shared_ptr<const Tool> target = tools.Find(reverses.tool);
  if (target == nullptr || !reverses.identity.has_value()) return ReversalTarget{};
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
  if (!intent.ok()) {
    return Annotate(intent.status(),
                    absl::StrCat("to find what this undoes (", reverses.tool, ")"));
  }
  if (!unfit.empty()) return ReversalTarget{};
  return ReversalTarget{.intent_id = IntentId(tenant_key, *intent), .ref = ""};
}

std::string SubjectOf(const Tool& tool, const ToolCall& call, const Json& arguments,
                      const Secret& tenant_key) {
  const IntentSpec& intent = tool.intent;
  if (!intent.near.has_value() && intent.sets.empty()) return "";
  // Where both are declared, they name the same arguments.
  const std::vector<IdentityField>& fields = intent.sets.empty() ? intent.near->same : intent.sets;
  const absl::StatusOr<Json> same = MakeIdentity(fields, arguments, intent.normalisers);
  // Arguments without a normal form are INVALID already if they are in the identity.
  if (!same.ok()) return "";
  const std::string subject = SubjectId(tenant_key, call.tenant, tool.name, *same);
  // A call that leaves a part of the name out does not say which thing it means.
  if (!intent.sets.empty() && same->size() == fields.size()) return absl::StrCat(kSets, subject);
  return intent.near.has_value() ? subject : "";
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

CallRecord NewRecord(const ToolCall& call, std::string call_id, absl::Time now) {
  return {.call_id = std::move(call_id),
          .tenant = call.tenant,
          .session_id = call.session_id,
          .tool_call_id = call.tool_call_id,
          .turn_id = call.turn_id,
          .tool = call.tool,
          .credential = call.credential,
          .trace_id = call.trace.has_value() ? call.trace->trace_id : "",
          .received_at = now,
          .attributes = call.attributes};
}

std::string DeliveryFingerprint(const ToolCall& call, const Secret& tenant_key) {
  const absl::StatusOr<Json> parsed =
      ParseJson(call.arguments_json.empty() ? "{}" : call.arguments_json, ArgumentLimits());
  return Fingerprint(tenant_key, call.tool,
                     parsed.ok() ? CanonicalJson(*parsed) : call.arguments_json, call.intent_id,
                     call.occurrence);
}

}  // namespace onetake
