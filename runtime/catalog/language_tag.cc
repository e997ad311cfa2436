#include "runtime/catalog/language_tag.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

constexpr size_t kTagBytes = 35;  // RFC 5646, 4.4.1

}  // namespace

bool IsLanguageTag(absl::string_view tag) {
  if (tag.size() > kTagBytes) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(tag, '-');
  const absl::string_view language = parts.front();
  return language.size() >= 2 &&
         std::all_of(language.begin(), language.end(), absl::ascii_isalpha) &&
         std::all_of(parts.begin(), parts.end(), [](absl::string_view part) {
           return !part.empty() && part.size() <= 8 &&
                  std::all_of(part.begin(), part.end(), absl::ascii_isalnum);
         });
}

}  // namespace onetake
