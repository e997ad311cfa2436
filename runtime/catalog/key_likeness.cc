#include "runtime/catalog/key_likeness.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace onetake {
namespace {

bool SpeaksOfIdempotency(absl::string_view text) {
  return absl::StrContains(absl::AsciiStrToLower(text), "idempoten");
}

// By its name, and by what any of its schemas says.
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

std::vector<SchemaArguments::Steps> KeyLikeArguments(const SchemaArguments& arguments) {
  std::vector<SchemaArguments::Steps> keys;
  size_t values = 0;
  for (const std::string& name : arguments.names()) {
    const SchemaArguments::Steps here{{.name = name}};
    const std::vector<std::string> members = arguments.NamesAt(here);
    values += members.empty() ? 1 : members.size();
    if (IsKey(name, arguments.SchemasAt(here))) {
      keys.push_back(here);
      continue;
    }
    for (const std::string& member : members) {
      SchemaArguments::Steps below{{.name = name}, {.name = member}};
      if (IsKey(member, arguments.SchemasAt(below))) keys.push_back(std::move(below));
    }
  }
  if (values == 1) keys.clear();
  return keys;
}

}  // namespace onetake
