#include "runtime/catalog/wording.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"

namespace onetake {
namespace {

constexpr int kShortText = 64;

constexpr absl::string_view kFreeWords[] = {
    "body",     "comment", "comments", "content", "description", "detail", "details",
    "feedback", "memo",    "message",  "note",    "notes",       "prompt", "question",
    "reason",   "remark",  "remarks",  "subject", "summary",     "text",   "transcript",
};
// The last words of names that are no free text, such as message_id and note_type.
constexpr absl::string_view kFixedLastWords[] = {
    "at",       "code", "count",  "date", "id",     "ids",  "key",  "kind", "lang",
    "language", "no",   "number", "ref",  "status", "time", "type", "url",  "uuid",
};

template <size_t N>
bool IsOneOf(const absl::string_view (&words)[N], absl::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool IsFreeName(absl::string_view name) {
  const std::vector<std::string> words = WordsOf(name.substr(name.find_last_of('.') + 1));
  return !IsOneOf(kFixedLastWords, words.back()) &&
         std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return IsOneOf(kFreeWords, word); });
}

}  // namespace

std::vector<std::string> WordsOf(absl::string_view name) {
  std::vector<std::string> words(1);
  bool was_lower = false;
  for (const char c : name) {
    const bool starts = !absl::ascii_isalnum(c) || (was_lower && absl::ascii_isupper(c));
    if (starts && !words.back().empty()) words.emplace_back();
    if (absl::ascii_isalnum(c)) words.back() += absl::ascii_tolower(c);
    was_lower = absl::ascii_islower(c) || absl::ascii_isdigit(c);
  }
  return words;
}

Wording WordingOf(absl::string_view name, const std::vector<const Json*>& schemas) {
  bool is_long = false;
  bool is_text = schemas.empty();
  for (const Json* schema : schemas) {
    if (!schema->is_object()) continue;
    for (const char* bound : {"enum", "const", "format", "pattern"}) {
      if (schema->contains(bound)) return Wording::kFixed;
    }
    const auto longest = schema->find("maxLength");
    if (longest != schema->end() && longest->is_number()) {
      if (*longest <= kShortText) return Wording::kFixed;
      is_long = true;
    }
    const auto type = schema->find("type");
    if (type == schema->end() || *type == "string" ||
        (type->is_array() && std::find(type->begin(), type->end(), "string") != type->end())) {
      is_text = true;
    }
  }
  if (!is_text) return Wording::kFixed;
  return is_long || IsFreeName(name) ? Wording::kFree : Wording::kFixed;
}

}  // namespace onetake
