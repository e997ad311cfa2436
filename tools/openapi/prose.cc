#include "tools/openapi/prose.h"

#include <re2/re2.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

std::string Collapsed(absl::string_view line) {
  std::string out;
  for (const char c : line) {
    const bool space = static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
    if (!space) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  return std::string(absl::StripTrailingAsciiWhitespace(out));
}

}  // namespace

std::string ProseText(absl::string_view text) {
  static const RE2 kLink(R"(!?\[([^\[\]]*)\]\([^()\s]*\))");
  static const RE2 kTag(R"(</?[a-zA-Z][^<>]*>)");
  std::string plain(text);
  RE2::GlobalReplace(&plain, kLink, "\\1");
  RE2::GlobalReplace(&plain, kTag, " ");
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(plain, '\n')) {
    std::string collapsed = Collapsed(line);
    if (!collapsed.empty()) lines.push_back(std::move(collapsed));
  }
  return absl::StrJoin(lines, "\n");
}

std::string Shortened(absl::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  constexpr absl::string_view kMore = " ...";
  text = text.substr(0, bytes - kMore.size());
  size_t end = text.rfind(". ");
  if (end != absl::string_view::npos && end > bytes / 2)
    return std::string(text.substr(0, end + 1));
  end = text.find_last_of(" \n");
  if (end == absl::string_view::npos || end == 0) {
    end = text.size();
    // The cut is not within a character: its first byte goes with the rest.
    while (end > 0 && (static_cast<unsigned char>(text[end - 1]) & 0xc0) == 0x80) --end;
    if (end > 0 && static_cast<unsigned char>(text[end - 1]) >= 0xc0) --end;
  }
  return absl::StrCat(text.substr(0, end), kMore);
}

}  // namespace onetake
