#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/openapi/operation.h"

namespace onetake {

// The one content of a request body that is used.
struct BodyContent {
  enum class Kind { kJson, kForm };
  Kind kind = Kind::kJson;
  std::string media_type;
  Json schema;    // as it stands in the description
  Json encoding;  // of form fields: name -> encoding object; null when there is none
};

// Chooses the best of the contents that manifests can express: JSON, then a form. nullopt when the
// operation has no body. INVALID_ARGUMENT, naming the contents, when there is none of these.
absl::StatusOr<std::optional<BodyContent>> ChooseContent(const OpenApiDescription& description,
                                                         const Json& body);

// The content of the successful answers, by the first media type that can be read.
struct AnswerContent {
  enum class Kind { kJson, kText };
  Kind kind = Kind::kJson;
  std::string accept;  // to be asked for; empty: application/json, as always
};
// INVALID_ARGUMENT when the operation answers with neither JSON nor text.
absl::StatusOr<AnswerContent> ChooseAnswer(const OpenApiDescription& description,
                                           const Json& responses);

}  // namespace onetake
