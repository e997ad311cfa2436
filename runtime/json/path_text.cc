#include "runtime/json/path_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace onetake {
namespace {

constexpr size_t kNameBytesMax = 64;

bool IsPlain(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
         });
}

}  // namespace

void AppendMember(absl::string_view name, std::string& path) {
  std::string shown(Utf8Prefix(name, kNameBytesMax));
  for (char& c : shown) {
    if (absl::ascii_iscntrl(c)) c = '?';
  }
  const absl::string_view dots = name.size() > kNameBytesMax ? "..." : "";
  if (IsPlain(shown)) {
    absl::StrAppend(&path, ".", shown, dots);
  } else {
    absl::StrAppend(&path, "['", shown, dots, "']");
  }
}

void AppendIndex(size_t index, std::string& path) { absl::StrAppend(&path, "[", index, "]"); }

}  // namespace onetake
