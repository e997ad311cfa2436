#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// An OpenAPI description, 3.0 or 3.1, that was read. Immutable; what Resolve() gives lives as long
// as this.
class OpenApiDescription {
 public:
  enum class Version { k30, k31 };

  // `text` is JSON when it begins with a brace, otherwise YAML without anchors and tags; at most
  // 16 MiB. INVALID_ARGUMENT when it is neither, or no OpenAPI 3.0 or 3.1.
  static absl::StatusOr<OpenApiDescription> Read(absl::string_view text);
  // A JSON Schema that stands alone: a description of 3.1 without paths, whose references lead
  // into the schema itself.
  static OpenApiDescription OfSchema(Json schema);

  // Returns the node itself, or what its `$ref` leads to. INVALID_ARGUMENT when that is outside the
  // description, nowhere, or leads back to itself.
  absl::StatusOr<const Json*> Resolve(const Json& node) const;

  const Json& root() const { return root_; }
  Version version() const { return version_; }
  // Returns info.title; may be empty.
  std::string title() const;

 private:
  OpenApiDescription(Json root, Version version) : root_(std::move(root)), version_(version) {}

  Json root_;
  Version version_;
};

// The member `name` of `node`, or nullptr.
const Json* MemberOf(const Json& node, absl::string_view name);
// The same as a text; empty when it is missing or none.
std::string TextOf(const Json& node, absl::string_view name);
// Whether the member is there and true.
enum class Flag { kUnset, kSet };
Flag FlagOf(const Json& node, absl::string_view name);

}  // namespace onetake
