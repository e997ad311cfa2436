#include "tools/openapi/key.h"

#include <re2/re2.h>

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr int kKeyBytes = 32;

}  // namespace

std::optional<std::string> RetentionIn(absl::string_view text) {
  static const RE2 kDuration(R"((?i)\b(\d{1,4})[\s-]*(minute|hour|hr|day|week)s?\b)");
  static const RE2 kAbout(
      R"((?i)\b(expire|valid|retain|remember|stored?|kept|keep|prun|purge|within|after|for|last)\w*)");
  if (!RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), kAbout)) return std::nullopt;
  re2::StringPiece rest(text.data(), text.size());
  std::set<std::string> found;
  std::string count;
  std::string unit;
  while (RE2::FindAndConsume(&rest, kDuration, &count, &unit)) {
    int64_t number = std::stoll(count);
    const char first = absl::ascii_tolower(unit[0]);
    if (first == 'd') number *= 24;
    if (first == 'w') number *= 24 * 7;
    if (number > 0) found.insert(absl::StrCat(number, first == 'm' ? "m" : "h"));
  }
  if (found.size() != 1) return std::nullopt;
  return *found.begin();
}

std::string KeyMisfit(const Json& schema) {
  if (!schema.is_object()) return "";
  const auto longest = schema.find("maxLength");
  if (longest != schema.end() && longest->is_number() && *longest < kKeyBytes) {
    return absl::StrCat("takes at most ", longest->dump(), " characters, and our keys have ",
                        kKeyBytes);
  }
  if (schema.contains("enum") || schema.contains("const")) return "takes fixed values only";
  const auto type = schema.find("type");
  const bool text = type == schema.end() || *type == "string" ||
                    (type->is_array() && absl::StrContains(type->dump(), "\"string\""));
  return text ? "" : "is no text";
}

}  // namespace onetake
