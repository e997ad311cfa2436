#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "tools/openapi/operation.h"

namespace onetake {

// The beginnings of URLs in the manifests of one description: "${SQUARE_BASE_URL:-https://...}",
// so that a test system needs no other manifests. Another server has another variable.
class ServerNames {
 public:
  // `base_url` is taken instead of all that the description says; may be empty.
  ServerNames(std::string variable_prefix, std::string base_url)
      : prefix_(std::move(variable_prefix)), base_url_(std::move(base_url)) {}

  // INVALID_ARGUMENT when the first server of the operation is no http or https URL.
  absl::StatusOr<std::string> BaseUrlOf(const OpenApiOperation& operation);

 private:
  const std::string prefix_;
  const std::string base_url_;
  std::map<std::string, std::string> variables_;  // by what the description says
};

}  // namespace onetake
