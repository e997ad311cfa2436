#pragma once

#include <string>

#include "absl/strings/string_view.h"

// The only place of the module that knows ICU. All functions take UTF-8 and are pure and
// thread-safe.
namespace onetake {

// Brings a free text to one form: NFKC, case-folded, invisible characters removed, every run of
// white space one space, none at the ends. Folding a folded text changes nothing.
std::string FoldText(absl::string_view text);

// Replaces the other forms of marks that Unicode has by those of ASCII: NFKC, every dash and minus
// "-", every white space " ", invisible characters removed. Case stays.
std::string PlainText(absl::string_view text);

// Removes white space at the ends.
std::string TrimText(absl::string_view text);

// Whether the IANA time zone database has this name. Spelling and case must be exact. Reads no
// file, so it may be asked with names of the model's choice.
bool IsTimeZoneName(absl::string_view name);

}  // namespace onetake
