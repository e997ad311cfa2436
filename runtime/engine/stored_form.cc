#include "runtime/engine/stored_form.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/intent/key.h"

namespace onetake {
namespace {

constexpr char kMask[] = "****";
constexpr size_t kShown = 4;
constexpr size_t kShortestShown = 9;
constexpr size_t kHashDigits = 16;

std::string TextOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : DumpJson(value);
}

// No character is cut in two: where the last four bytes would begin within one, fewer are shown.
std::string Masked(const Json& value) {
  const std::string text = TextOf(value);
  if (value.is_structured() || text.size() < kShortestShown) return kMask;
  size_t begin = text.size() - kShown;
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) ++begin;
  return absl::StrCat(kMask, text.substr(begin));
}

class Former {
 public:
  explicit Former(const Secret& tenant_key) : tenant_key_(tenant_key) {}

  // nullopt: not stored.
  std::optional<Json> Form(const StorageRules& rules, const Json& value, const std::string& path) {
    if (value.is_null()) return value;
    switch (rules.rule) {
      case StoreRule::kKeep: return value;
      case StoreRule::kHash: return Hashed(value, path);
      case StoreRule::kMask: return Masked(value);
      case StoreRule::kDrop: return std::nullopt;
      case StoreRule::kSeal: break;
    }
    if (value.is_object() && (rules.names_members || !rules.members.empty())) {
      return Members(rules, value, path);
    }
    if (value.is_array() && !rules.items.empty()) return Elements(rules, value, path);
    return value;
  }

 private:
  std::string Hashed(const Json& value, const std::string& path) const {
    const std::string digest = StoredDigest(tenant_key_, path, CanonicalJson(value));
    return absl::StrCat("hmac:", digest.substr(0, kHashDigits));
  }

  Json Members(const StorageRules& rules, const Json& value, const std::string& path) {
    Json stored = Json::object();
    for (const auto& [name, member] : value.items()) {
      const auto known = rules.members.find(name);
      if (known == rules.members.end()) {
        if (!rules.names_members) stored[name] = member;
        continue;
      }
      std::optional<Json> form = Form(known->second, member, absl::StrCat(path, ".", name));
      if (form.has_value()) stored[name] = *std::move(form);
    }
    return stored;
  }

  // An element that is not stored leaves its place empty.
  Json Elements(const StorageRules& rules, const Json& value, const std::string& path) {
    Json stored = Json::array();
    for (const Json& element : value) {
      stored.push_back(Form(rules.items.front(), element, path + "[]").value_or(Json()));
    }
    return stored;
  }

  const Secret& tenant_key_;
};

const StorageRules* RulesOf(const StorageRules& rules, const std::string& path) {
  const absl::StatusOr<JsonPath> parsed = JsonPath::Parse(path);
  if (!parsed.ok()) return nullptr;
  const StorageRules* here = &rules;
  for (const JsonPath::Step& step : parsed->steps()) {
    if (here->rule != StoreRule::kSeal) return here;
    if (step.is_index) {
      if (here->items.empty()) return here;
      here = &here->items.front();
      continue;
    }
    const auto found = here->members.find(step.name);
    if (found == here->members.end()) return nullptr;
    here = &found->second;
  }
  return here;
}

}  // namespace

Json StoredForm(const StorageRules& rules, const Json& arguments, const Secret& tenant_key) {
  return Former(tenant_key).Form(rules, arguments, "$").value_or(Json::object());
}

Json ClearPart(const StorageRules& rules, const Json& stored) {
  Json clear = Json::object();
  if (!stored.is_object()) return clear;
  for (const auto& [name, value] : stored.items()) {
    const auto known = rules.members.find(name);
    if (known == rules.members.end()) continue;
    if (known->second.rule != StoreRule::kSeal) {
      clear[name] = value;
      continue;
    }
    Json below = ClearPart(known->second, value);
    if (!below.empty()) clear[name] = std::move(below);
  }
  return clear;
}

Json StoredIdentity(const Tool& tool, const Json& identity, NamedBy named_by,
                    const Secret& tenant_key) {
  if (named_by == NamedBy::kOrchestrator) return identity;
  // Without declared fields it is the arguments themselves.
  if (tool.intent.identity.empty()) return StoredForm(tool.storage, identity, tenant_key);
  Json stored = identity;
  for (const IdentityField& field : tool.intent.identity) {
    const StorageRules* rules = RulesOf(tool.storage, field.path);
    if (rules == nullptr || !stored.contains(field.name)) continue;
    std::optional<Json> form = Former(tenant_key).Form(*rules, stored[field.name], field.path);
    if (form.has_value()) {
      stored[field.name] = *std::move(form);
    } else {
      stored.erase(field.name);
    }
  }
  return stored;
}

}  // namespace onetake
