// Compiles what the ledger keeps of a call's arguments: `x-onetake-store` in their schema.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/json/schema_ref.h"

namespace onetake {
namespace {

constexpr char kKeyword[] = "x-onetake-store";
constexpr char kAdvice[] =
    "keep (in clear), seal (the default), hash, mask (the last four characters) or drop";
// A schema may contain itself; nobody hides a value that deep, or at that many places.
constexpr size_t kDeepest = 8;
constexpr int kPlacesMax = 50'000;

constexpr std::pair<absl::string_view, StoreRule> kRules[] = {{"keep", StoreRule::kKeep},
                                                              {"seal", StoreRule::kSeal},
                                                              {"hash", StoreRule::kHash},
                                                              {"mask", StoreRule::kMask},
                                                              {"drop", StoreRule::kDrop}};

std::optional<StoreRule> RuleNamed(absl::string_view name) {
  for (const auto& [known, rule] : kRules) {
    if (known == name) return rule;
  }
  return std::nullopt;
}

const Json* Member(const Json& schema, const char* name) {
  if (!schema.is_object()) return nullptr;
  const auto found = schema.find(name);
  return found == schema.end() ? nullptr : &*found;
}

class StorageCompiler {
 public:
  explicit StorageCompiler(const CompileContext& context) : context_(context) {}

  StorageRules Compile(const SchemaArguments::Steps& steps, const std::string& field) {
    StorageRules rules;
    if (++places_ > kPlacesMax) return rules;
    const std::vector<const Json*> schemas = context_.arguments->SchemasAt(steps);
    for (const Json* schema : schemas) ReadRule(*schema, field, rules);
    seen_.insert(schemas.begin(), schemas.end());
    // A rule for the whole also holds for its parts.
    if (rules.rule != StoreRule::kSeal || steps.size() >= kDeepest) return rules;
    if (!steps.empty() && !HasRules(schemas)) return rules;
    for (const Json* schema : schemas) AddMembers(*schema, steps, field, rules);
    // Only arguments have to be known: what is inside of one is the argument's own.
    rules.names_members = rules.names_members && steps.empty();
    const bool has_items = std::any_of(schemas.begin(), schemas.end(), [](const Json* schema) {
      const Json* items = Member(*schema, "items");
      return items != nullptr && items->is_object();
    });
    if (has_items) {
      SchemaArguments::Steps below = steps;
      below.push_back({.index = 0, .is_index = true});
      rules.items.push_back(Compile(below, field + ".items"));
    }
    return rules;
  }

  void CheckPlaces() {
    if (places_ <= kPlacesMax) return;
    context_.report.Error(absl::StrCat("parameters.", kKeyword),
                          "would have to be looked for at too many places",
                          "give it to a property above those whose schema contains itself");
  }

  // A rule that hides something must not be overlooked.
  void CheckAllRead(const Json& schema, const std::string& field) {
    if (schema.is_object() && (IsUnread(schema) || RefersUnseen(schema))) {
      context_.report.Error(absl::StrCat(field, ".", kKeyword),
                            "is at a place where it would not be obeyed",
                            "give it to a property, or to the items of one, and not below another "
                            "rule");
    }
    if (schema.is_object()) {
      for (const auto& [name, value] : schema.items()) CheckAllRead(value, field + "." + name);
    } else if (schema.is_array()) {
      for (const Json& value : schema) CheckAllRead(value, field);
    }
  }

 private:
  bool IsUnread(const Json& schema) const {
    return schema.contains(kKeyword) && !read_.contains(&schema);
  }

  // A rule in a definition is obeyed where some value refers to it, and overlooked where this does.
  bool RefersUnseen(const Json& schema) const {
    std::set<const Json*> on_the_way;
    return schema.contains("$ref") && !seen_.contains(&schema) && LeadsToRule(schema, on_the_way);
  }

  void AddMembers(const Json& schema, const SchemaArguments::Steps& steps, const std::string& field,
                  StorageRules& rules) {
    const Json* others = Member(schema, "additionalProperties");
    if (others != nullptr && *others == false) rules.refuses_others = true;
    const Json* properties = Member(schema, "properties");
    if (properties == nullptr || !properties->is_object()) return;
    rules.names_members = true;
    for (const auto& [name, unused] : properties->items()) {
      if (rules.members.contains(name)) continue;
      SchemaArguments::Steps below = steps;
      below.push_back({.name = name});
      rules.members.emplace(name, Compile(below, absl::StrCat(field, ".properties.", name)));
    }
  }

  // Whether there is a rule anywhere in what these lead to.
  bool HasRules(const std::vector<const Json*>& schemas) {
    return std::any_of(schemas.begin(), schemas.end(), [this](const Json* schema) {
      const auto known = has_rules_.find(schema);
      if (known != has_rules_.end()) return known->second;
      std::set<const Json*> seen;
      return has_rules_[schema] = LeadsToRule(*schema, seen);
    });
  }

  bool LeadsToRule(const Json& value, std::set<const Json*>& seen) const {
    if (!value.is_structured() || !seen.insert(&value).second) return false;
    if (Member(value, kKeyword) != nullptr) return true;
    const Json* target =
        value.is_object() ? ResolveLocalRef(context_.tool.parameters->document(), value) : nullptr;
    if (target != nullptr && LeadsToRule(*target, seen)) return true;
    return std::any_of(value.begin(), value.end(),
                       [&](const Json& child) { return LeadsToRule(child, seen); });
  }

  // If several rules hold at one place, the one that hides most wins.
  void ReadRule(const Json& schema, const std::string& field, StorageRules& rules) {
    const Json* value = Member(schema, kKeyword);
    if (value == nullptr) return;
    read_.insert(&schema);
    const std::optional<StoreRule> rule =
        value->is_string() ? RuleNamed(value->get<std::string>()) : std::nullopt;
    if (!rule.has_value()) {
      return context_.report.Error(absl::StrCat(field, ".", kKeyword), "is not a rule of storage",
                                   kAdvice);
    }
    rules.rule = rules.named ? std::max(rules.rule, *rule) : *rule;
    rules.named = true;
  }

  const CompileContext& context_;
  std::set<const Json*> read_;
  std::set<const Json*> seen_;  // what the rules of some value were looked for in
  std::map<const Json*, bool> has_rules_;
  int places_ = 0;
};

bool IsStoredWhole(const StorageRules& rules) {
  if (rules.rule != StoreRule::kSeal && rules.rule != StoreRule::kKeep) return false;
  return std::all_of(rules.members.begin(), rules.members.end(),
                     [](const auto& member) { return IsStoredWhole(member.second); }) &&
         std::all_of(rules.items.begin(), rules.items.end(), IsStoredWhole);
}

// Checks that the arguments are stored readably: a probe is made of what was stored.
void CheckReadable(const CompileContext& context, const std::vector<std::string>& arguments,
                   const std::string& field) {
  for (const std::string& name : arguments) {
    const auto found = context.tool.storage.members.find(name);
    if (found == context.tool.storage.members.end() || IsStoredWhole(found->second)) continue;
    context.report.Error(
        field, absl::StrCat("reads $.", name, ", which ", kKeyword, " keeps out of the ledger"),
        absl::StrCat("the write is asked about after a restart, too: let ", name,
                     " be seal or keep"));
  }
}

bool ReadsAll(const Json& value) {
  if (value.is_string()) return value == "$";
  return value.is_structured() && std::any_of(value.begin(), value.end(), ReadsAll);
}

void CheckReadable(const CompileContext& context, const JsonTemplate& args,
                   const std::string& field) {
  const StorageRules& rules = context.tool.storage;
  const bool drops_some = rules.names_members && !rules.refuses_others;
  if (ReadsAll(args.source()) && (drops_some || !IsStoredWhole(rules))) {
    context.report.Error(field, "reads all arguments, of which not all are stored",
                         "name those that it needs, or let the schema have "
                         "additionalProperties: false and hide none");
  }
  CheckReadable(context, args.Arguments(), field);
}

}  // namespace

void CompileStorage(const CompileContext& context) {
  if (context.arguments == nullptr) return;
  Tool& tool = context.tool;
  StorageCompiler compiler(context);
  tool.storage = compiler.Compile({}, "parameters");
  compiler.CheckPlaces();
  compiler.CheckAllRead(tool.parameters->document(), "parameters");
  if (tool.storage.rule != StoreRule::kSeal) {
    context.report.Error(absl::StrCat("parameters.", kKeyword), "is about all arguments at once",
                         "give it to each property that it is for");
  }
  if (tool.probe.has_value() && tool.probe->asks == ProbeSpec::Asks::kRead) {
    CheckReadable(context, tool.probe->args, "safety.probe.args");
    std::vector<std::string> compared;
    for (const ProbeSpec::Ours& ours : tool.probe->ours) {
      compared.emplace_back(ours.argument.first_name());
    }
    CheckReadable(context, compared, "safety.probe.ours");
  }
  if (tool.job.has_value()) CheckReadable(context, tool.job->args, "job.args");
}

}  // namespace onetake
