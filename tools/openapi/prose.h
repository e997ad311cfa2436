#pragma once

#include <string>

#include "absl/strings/string_view.h"

// Prepares texts of descriptions for models and for comments. Pure.
namespace onetake {

// Removes Markdown links, HTML tags and control characters, collapses white space within a line,
// and leaves no empty lines and no spaces at the ends.
std::string ProseText(absl::string_view text);

// Cuts to at most `bytes`, at the end of a sentence or word, never within a character.
std::string Shortened(absl::string_view text, size_t bytes);

}  // namespace onetake
