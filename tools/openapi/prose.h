#pragma once

#include <string>

#include "absl/strings/string_view.h"

// Texts of descriptions, for models and for comments. Pure.
namespace onetake {

// Without Markdown links, HTML tags and control characters, white space collapsed within a line, no
// empty lines and no spaces at the ends.
std::string ProseText(absl::string_view text);

// At most `bytes`, cut at the end of a sentence or word, never within a character.
std::string Shortened(absl::string_view text, size_t bytes);

}  // namespace onetake
