#include "runtime/catalog/key_likeness.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/catalog/schema_arguments.h"

namespace onetake {
namespace {

bool SpeaksOfIdempotency(absl::string_view text) {
  return absl::StrContains(absl::AsciiStrToLower(text), "idempoten");
}

// Judges by the name, and by what any of its schemas says.
bool IsKey(const std::string& name, const std::vector<const Json*>& schemas) {
  if (LikenessToKey(name, "") == KeyLikeness::kYes) return true;
  for (const Json* schema : schemas) {
    const auto said = schema->is_object() ? schema->find("description") : schema->end();
    if (said == schema->end() || !said->is_string()) continue;
    if (LikenessToKey(name, said->get_ref<const std::string&>()) == KeyLikeness::kYes) return true;
  }
  return false;
}

}  // namespace

KeyLikeness LikenessToKey(absl::string_view name, absl::string_view description) {
  if (SpeaksOfIdempotency(name)) return KeyLikeness::kYes;
  static constexpr absl::string_view kRequestIds[] = {"xrequestid",      "requestid",
                                                      "clientrequestid", "clienttoken",
                                                      "requesttoken",    "clientrequesttoken"};
  const std::string joined =
      absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"-", ""}, {"_", ""}});
  for (const absl::string_view known : kRequestIds) {
    if (joined == known && SpeaksOfIdempotency(description)) return KeyLikeness::kYes;
  }
  return KeyLikeness::kNo;
}

std::string KeyLikeArgument::Shown() const { return absl::StrJoin(names, "."); }

std::vector<KeyLikeArgument> KeyLikeArguments(const Json& schema) {
  const SchemaArguments arguments(schema);
  std::vector<KeyLikeArgument> keys;
  size_t values = 0;
  for (const std::string& name : arguments.names()) {
    const SchemaArguments::Steps here{{.name = name}};
    const std::vector<std::string> members = arguments.NamesAt(here);
    values += members.empty() ? 1 : members.size();
    std::vector<const Json*> schemas = arguments.SchemasAt(here);
    if (IsKey(name, schemas)) {
      keys.push_back({{name}, std::move(schemas)});
      continue;
    }
    for (const std::string& member : members) {
      std::vector<const Json*> below = arguments.SchemasAt({{.name = name}, {.name = member}});
      if (IsKey(member, below)) keys.push_back({{name, member}, std::move(below)});
    }
  }
  if (values == 1) keys.clear();
  return keys;
}

}  // namespace onetake
