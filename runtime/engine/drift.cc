#include "runtime/engine/drift.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/stored_form.h"

// The part of admission that tells whether a call says the same as what is recorded (R8).
namespace onetake {
namespace {

// The only member of an identity that the orchestrator gave.
constexpr char kName[] = "intent_id";

NamedBy NamedByOf(const Tool& tool, const IntentRecord& record) {
  const std::vector<IdentityField>& fields = tool.intent.identity;
  const bool by_argument = std::any_of(fields.begin(), fields.end(),
                                       [](const auto& field) { return field.name == kName; });
  if (by_argument) return NamedBy::kTool;
  const absl::StatusOr<Json> identity = ParseJson(record.identity_json, ResultLimits());
  const bool by_name =
      identity.ok() && identity->is_object() && identity->size() == 1 && identity->contains(kName);
  return by_name ? NamedBy::kOrchestrator : NamedBy::kTool;
}

Json GuardedOf(const Tool& tool, const Json& arguments, NamedBy named_by) {
  Json guarded = GuardedArguments(arguments, tool.intent.identity, tool.intent.ignored);
  if (named_by == NamedBy::kTool || tool.intent.identity.empty()) return guarded;
  const absl::StatusOr<Json> identity =
      MakeIdentity(tool.intent.identity, arguments, tool.intent.normalisers);
  // The placeholder of a value that is not stored has no normal form.
  if (!identity.ok()) return GuardedArguments(arguments, {}, tool.intent.ignored);
  guarded.update(*identity);
  return guarded;
}

// An absent argument and a null one are the same.
Json WithoutNulls(const Json& value) {
  if (!value.is_structured()) return value;
  Json kept = value.is_array() ? Json::array() : Json::object();
  for (const auto& [name, member] : value.items()) {
    if (value.is_array()) {
      kept.push_back(WithoutNulls(member));
    } else if (!member.is_null()) {
      kept[name] = WithoutNulls(member);
    }
  }
  while (kept.is_array() && !kept.empty() && kept.back().is_null()) kept.erase(kept.size() - 1);
  return kept;
}

constexpr size_t kRulesDigits = 8;

// The digest of the guarded arguments as they came, behind a short one of the rules that say which
// arguments are guarded.
std::string GuardedDigest(const Tool& tool, const Json& arguments, NamedBy named_by,
                          const Secret& key) {
  Json rules{{"ignored", tool.intent.ignored}, {"identity", Json::array()}};
  if (named_by == NamedBy::kOrchestrator) rules["named"] = true;
  for (const IdentityField& field : tool.intent.identity) rules["identity"].push_back(field.path);
  const Json guarded = WithoutNulls(GuardedOf(tool, arguments, named_by));
  return absl::StrCat(StoredDigest(key, "rules", CanonicalJson(rules)).substr(0, kRulesDigits),
                      StoredDigest(key, tool.name, CanonicalJson(guarded)));
}

bool IsSameRules(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && a.substr(0, kRulesDigits) == b.substr(0, kRulesDigits);
}

// Returns the argument that a path leads to or into: "$.guests" of "$.guests['...'].age".
std::string ArgumentOf(absl::string_view path) {
  if (!absl::StartsWith(path, "$.")) return "$";
  return std::string(path.substr(0, path.find_first_of(".[", 2)));
}

// Only the arguments are named: the name of a member further down may be a person's.
std::string PathsOf(const std::vector<ArgumentDiff>& diff) {
  std::set<std::string> paths;
  for (const ArgumentDiff& entry : diff) paths.insert(ArgumentOf(entry.path));
  return absl::StrJoin(paths, " ");
}

// The arguments in which a call of the same intent differs from the recorded one, for the audit.
std::string IgnoredDifferences(const WriteCall& call, const IntentRecord& record) {
  if (call.tool->intent.ignored.empty()) return "";
  const absl::StatusOr<Json> recorded = ParseJson(record.arguments_json, ResultLimits());
  if (!recorded.ok() || *recorded == call.stored) return "";
  const auto without_identity = [&](const Json& arguments) {
    return GuardedArguments(arguments, call.tool->intent.identity, {});
  };
  return PathsOf(DiffGuarded(without_identity(*recorded), without_identity(call.stored)));
}

void Show(const JsonPath& path, const Json& arguments, std::string& value) {
  const Json* given = path.Find(arguments);
  if (given != nullptr && !given->is_null()) value = DumpJson(*given);
}

}  // namespace

NamedBy NamedByOf(const WriteCall& call) {
  return call.call.intent_id.empty() ? NamedBy::kTool : NamedBy::kOrchestrator;
}

Json GuardedOf(const Tool& tool, const IntentRecord& record) {
  const absl::StatusOr<Json> arguments = ParseJson(record.arguments_json, ResultLimits());
  return arguments.ok() ? GuardedOf(tool, *arguments, NamedByOf(tool, record)) : Json::object();
}

void ShowAsGiven(const Tool& tool, const IntentRecord& recorded, const Json& received,
                 std::vector<ArgumentDiff>& diff) {
  const absl::StatusOr<Json> arguments = ParseJson(recorded.arguments_json, ResultLimits());
  for (ArgumentDiff& entry : diff) {
    for (const IdentityField& field : tool.intent.identity) {
      if (entry.path != absl::StrCat("$.", field.name)) continue;
      const absl::StatusOr<JsonPath> path = JsonPath::Parse(field.path);
      if (!path.ok()) break;
      entry.path = field.path;
      if (arguments.ok()) Show(*path, *arguments, entry.recorded);
      Show(*path, received, entry.received);
      break;  // the path may be another field's name
    }
  }
}

void Admission::JudgeBy(const Tool& tool, WriteCall& call) const {
  const Secret& key = context_.options.tenant_key;
  call.stored = StoredForm(tool.storage, call.arguments, key);
  call.guarded = GuardedOf(tool, call.stored, NamedByOf(call));
  call.guarded_digest = GuardedDigest(tool, call.arguments, NamedByOf(call), key);
}

bool Admission::SameArguments(WriteCallPtr& call, const IntentRecord& record, const Json& guarded) {
  if (ONETAKE_PLANTED_BUG("digest_not_compared")) return true;
  std::vector<ArgumentDiff> diff;
  const bool kept = record.bodies == Bodies::kKept;
  if (kept) {
    diff = DiffGuarded(guarded, call->guarded);
  } else if (!IsSameRules(record.guarded, call->guarded_digest)) {
    diff.push_back({.path = "$"});
  }
  // Under the same rules the digest alone decides: it knows what is not stored, too.
  if (IsSameRules(record.guarded, call->guarded_digest)) {
    if (SameDigest(record.guarded, call->guarded_digest)) {
      diff.clear();
    } else if (diff.empty()) {
      diff.push_back({.path = "$"});
    }
  }
  if (diff.empty()) {
    if (kept) call->record.detail = IgnoredDifferences(*call, record);
    return true;
  }
  call->record.role = CallRole::kConflict;
  call->record.intent_row = record.row;
  call->record.detail = PathsOf(diff);
  if (NamedByOf(*call) == NamedBy::kOrchestrator) {
    ShowAsGiven(*call->tool, record, call->stored, diff);
  }
  Answer answer = ConflictAnswer(record, std::move(diff), call->tool.get());
  Finish(std::move(call), std::move(answer));
  return false;
}

}  // namespace onetake
