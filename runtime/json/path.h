#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// The subset of JSONPath (RFC 9535) that manifests use: `$`, `.name`, `['name']`, `[0]`, `[-1]`.
// It names at most one node: no wildcards, slices or filters.
class JsonPath {
 public:
  struct Step {
    std::string name;  // for a member
    int index = 0;     // for an element
    bool is_index = false;
  };

  // INVALID_ARGUMENT with the offset of the fault.
  static absl::StatusOr<JsonPath> Parse(absl::string_view text);

  // Returns the node, or nullptr when any step is missing. `root` keeps ownership.
  const Json* Find(const Json& root) const;
  // Sets the node. Creates missing objects on the way, also where there is null;
  // FAILED_PRECONDITION when a step is not an object (array steps are never created), and then
  // `root` is as before.
  absl::Status Set(Json& root, Json value) const;

  bool is_root() const { return steps_.empty(); }
  // The first member name, i.e. the argument this path reads; empty for `$` and for `$[0]`.
  absl::string_view first_name() const;
  const std::vector<Step>& steps() const { return steps_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<Step> steps_;
};

}  // namespace onetake
