#include "tools/openapi/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/limits.h"

namespace onetake {
namespace {

constexpr size_t kArgumentBytes = 64;

// Turns runs of other characters into one "_" each; none at the ends.
std::string Words(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '_') {
      out.push_back(c);
    } else if (!out.empty() && out.back() != '_') {
      out.push_back('_');
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

std::string Shortened(std::string name, size_t bytes) {
  if (name.size() > bytes) name.resize(bytes);
  return name;
}

}  // namespace

std::string ToolNameOf(absl::string_view text) {
  std::string name = Words(text);
  const size_t letter =
      static_cast<size_t>(std::find_if(name.begin(), name.end(),
                                       [](unsigned char c) { return absl::ascii_isalpha(c); }) -
                          name.begin());
  name = letter == name.size() ? absl::StrCat("call_", name) : name.substr(letter);
  return Shortened(std::move(name), limits::kToolNameBytes);
}

std::string ArgumentNameOf(absl::string_view name) {
  std::string words =
      Words(absl::StrReplaceAll(name, {{"<", "_before"}, {">", "_after"}, {"$", ""}}));
  if (words.empty()) words = "value";
  return Shortened(std::move(words), kArgumentBytes);
}

std::string VariableNameOf(absl::string_view text) {
  std::string out;
  bool was_lower = false;
  for (const char c : text) {
    const bool word = absl::ascii_isalnum(c);
    const bool starts = !word || (was_lower && absl::ascii_isupper(c));
    if (starts && !out.empty() && out.back() != '_') out.push_back('_');
    if (word) out.push_back(absl::ascii_toupper(c));
    was_lower = absl::ascii_islower(c) || absl::ascii_isdigit(c);
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.empty() || absl::ascii_isdigit(out[0])) out = absl::StrCat("API_", out);
  return out;
}

std::string UniqueName(std::string name, std::set<std::string>& taken) {
  const std::string base = name;
  for (int i = 2; !taken.insert(name).second; ++i) {
    const std::string number = absl::StrCat("_", i);
    name = absl::StrCat(Shortened(base, limits::kToolNameBytes - number.size()), number);
  }
  return name;
}

std::string PathOfMember(absl::string_view name) {
  const bool plain = !name.empty() && !absl::ascii_isdigit(name[0]) &&
                     std::all_of(name.begin(), name.end(),
                                 [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
  if (plain) return absl::StrCat("$.", name);
  return absl::StrCat("$['", absl::StrReplaceAll(name, {{"\\", "\\\\"}, {"'", "\\'"}}), "']");
}

}  // namespace onetake
