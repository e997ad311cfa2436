#include "tools/openapi/identity_hint.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/catalog/key_likeness.h"
#include "runtime/catalog/wording.h"
#include "tools/openapi/description.h"
#include "tools/openapi/names.h"

namespace onetake {
namespace {

constexpr size_t kShownMax = 12;

std::string NormaliserFor(const std::string& name, const Json& schema) {
  const std::string format = TextOf(schema, "format");
  const std::string type = TextOf(schema, "type");
  if (format == "date-time") return "instant";
  if (format == "date") return "date";
  const std::vector<std::string> words = WordsOf(name);
  if (type == "string" && (words.back() == "at" || words.back() == "datetime")) return "instant";
  if (format == "phone" || absl::StrContains(absl::AsciiStrToLower(name), "phone")) return "phone";
  if (type == "number" || type == "integer") return "number";
  return "verbatim";
}

// Judges by the name: a description bounds the length of ids too, and whose ids differ decides.
bool IsFreeText(const std::string& name, const Json& schema) {
  Json unbounded = schema;
  if (unbounded.is_object()) unbounded.erase("maxLength");
  return WordingOf(name, {&unbounded}) == Wording::kFree;
}

// What the manifest calls the members of arguments.
std::string ShownName(const std::string& argument, const std::string& member) {
  return absl::StrCat(PathOfMember(argument), PathOfMember(member).substr(1));
}

// The arguments that look like an idempotency key, as the manifest calls them. Whoever retries
// makes up another one, so it decides nothing.
std::set<std::string> KeysOf(const Json& schema) {
  std::set<std::string> keys;
  for (const auto& [names, unused] : KeyLikeArguments(schema)) {
    keys.insert(names.size() == 1 ? names[0] : ShownName(names[0], names[1]));
  }
  return keys;
}

// The arguments that may decide, and those that look like free text; for an object, its members.
struct Guess {
  explicit Guess(std::set<std::string> key_names) : keys(std::move(key_names)) {
    for (const std::string& key : keys) ignored.push_back(key);
  }

  const std::set<std::string> keys;
  Json identity = Json::object();
  Json ignored = Json::array();

  void Add(const std::string& shown, const std::string& name, const Json& schema) {
    if (keys.contains(shown)) return;
    if (IsFreeText(name, schema)) {
      if (ignored.size() < kShownMax) ignored.push_back(shown);
    } else if (identity.size() < kShownMax && WordsOf(name).back() != "version") {
      identity[shown] = NormaliserFor(name, schema);
    }
  }
};

bool IsIn(const Json& names, const std::string& name) {
  return std::find(names.begin(), names.end(), Json(name)) != names.end();
}

void Look(const Json& properties, const Json& required, Guess& guess) {
  for (const auto& [name, property] : properties.items()) {
    const bool needed = IsIn(required, name);
    const Json* members = MemberOf(property, "properties");
    const bool holds_key = std::any_of(
        guess.keys.begin(), guess.keys.end(), [below = PathOfMember(name)](const auto& key) {
          return key.size() > below.size() && absl::StartsWith(key, below);
        });
    if ((needed || holds_key) && members != nullptr && members->is_object()) {
      for (const auto& [member, below] : members->items()) {
        if (below.contains("properties") || below.contains("items")) continue;
        guess.Add(ShownName(name, member), member, below);
      }
    } else if (needed || IsFreeText(name, property)) {
      guess.Add(name, name, property);
    }
  }
}

}  // namespace

ManifestField IdentityHint(const Json& schema) {
  ManifestField hint{.name = "intent",
                     .comment =
                         "Which arguments make two calls the same decision? Until somebody has "
                         "said so, all of them do, word for word: a retry in other words is "
                         "another write. A first guess:",
                     .form = ManifestField::Form::kCommentedOut};
  const Json* properties = MemberOf(schema, "properties");
  if (properties == nullptr || properties->empty()) return hint;
  const Json required = schema.value("required", Json::array());
  Guess guess(KeysOf(schema));
  Look(*properties, required, guess);
  for (const auto& [name, property] : properties->items()) {
    if (!guess.identity.empty()) break;
    if (!guess.keys.contains(name)) guess.identity[name] = NormaliserFor(name, property);
  }
  hint.fields.push_back({.name = "identity", .value = std::move(guess.identity)});
  if (!guess.ignored.empty()) {
    hint.fields.push_back({.name = "ignored", .value = std::move(guess.ignored)});
  }
  return hint;
}

}  // namespace onetake
