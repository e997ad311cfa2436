#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace onetake {

// The longest beginning of `text` that has at most `most` bytes and cuts no character of UTF-8 in
// two (RFC 3629). Text that is not UTF-8 is cut somewhere within its first `most` bytes.
inline absl::string_view Utf8Prefix(absl::string_view text, size_t most) {
  if (text.size() <= most) return text;
  const auto continues = [text](size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (most > 0 && continues(most)) --most;
  return text.substr(0, most);
}

}  // namespace onetake
