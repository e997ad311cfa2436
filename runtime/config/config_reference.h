#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace onetake {

// Every field of onetake.yaml, for people: what `onetake config explain` prints. A test holds it
// against what the parser knows. Pure.
struct ConfigField {
  enum class Change {
    kLive,     // taken over on SIGHUP
    kRestart,  // takes effect at the next start
  };
  absl::string_view path;    // "limits.tenant.rate"; NAME stands for a name that you choose
  absl::string_view values;  // form, unit, range: "duration, 1h..87600h"
  absl::string_view preset;  // the default; "required" or "none"
  absl::string_view meaning;
  Change change = Change::kRestart;
};

// In the order of the file's sections.
absl::Span<const ConfigField> ConfigReference();

// The fields whose path is `which`, or lies below it; all of them when it is empty. "" when there
// is no such field.
std::string ExplainConfig(absl::string_view which);

}  // namespace onetake
