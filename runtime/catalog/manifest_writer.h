#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

// Writes a manifest that a program proposes and a person finishes: YAML in block style, the fields
// in the order given, with comments. What is written reads back as what was given. Pure.
namespace onetake {

// One field of a manifest: a value, or fields below it.
struct ManifestField {
  enum class Form {
    kLive,
    kCommentedOut,  // as a comment, for a person to complete
  };
  enum class Dollars {
    kLiteral,      // a ${ in a text is only that, and is written so
    kEnvironment,  // ${NAME} is to be replaced when the manifest is loaded
  };

  std::string name;
  Json value;                         // when `fields` is empty
  std::string comment;                // above the field; wrapped here, may have several lines
  std::vector<ManifestField> fields;  // a mapping, in this order
  Form form = Form::kLive;
  Dollars dollars = Dollars::kLiteral;  // of `value`
};

// Returns the YAML text. `heading` stands as a comment at the top; may be empty. Texts must be
// UTF-8: invalid bytes are replaced. Ends with a line's end.
std::string WriteManifest(absl::string_view heading, const std::vector<ManifestField>& fields);

}  // namespace onetake
