#include "runtime/server/language.h"

#include "runtime/base/status.h"
#include "runtime/catalog/language_tag.h"

namespace onetake {

absl::Status CheckLanguage(absl::string_view language) {
  if (language.empty() || IsLanguageTag(language)) return absl::OkStatus();
  return BadField("language", "must be a BCP 47 tag, such as es-MX");
}

}  // namespace onetake
