#pragma once

#include <string>

#include "absl/strings/string_view.h"

// The only place of the module that knows ICU. All take UTF-8 and are pure and thread-safe.
namespace onetake {

// One form of a free text: NFKC, case-folded, invisible characters removed, every run of white
// space one space, none at the ends. Folding what was folded changes nothing.
std::string FoldText(absl::string_view text);

// Text whose marks are those of ASCII wherever Unicode has other forms of them: NFKC, every dash
// and minus "-", every white space " ", invisible characters removed. Case stays.
std::string PlainText(absl::string_view text);

// Without white space at the ends.
std::string TrimText(absl::string_view text);

// Whether the IANA time zone database has this name. Spelling and case must be exact. Reads no
// file, so it may be asked with names of the model's choice.
bool IsTimeZoneName(absl::string_view name);

}  // namespace onetake
