#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// One HTTP request, exactly as it will be sent except for its secrets. Its text form is part of the
// claim (R11): JSON, version 1.
struct HttpRequest {
  struct SecretHeader {
    std::string name;
    std::string prefix;
    SecretRef secret;
  };
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<SecretHeader> secrets;
  std::optional<std::string> body;
};

// Fills the tool's templates. INVALID_ARGUMENT, naming the argument, when a value cannot be placed:
// a path segment that is empty, "." or "..", a control character, `/`, `\\` or `%` in a path where
// the schema does not speak of them, a header value that is not printable ASCII or longer than 1
// KB. A value never changes the host, the number of path segments or the set of headers. Pure.
absl::StatusOr<HttpRequest> RenderRequest(const Tool& tool, const Json& arguments,
                                          absl::string_view key);

// Whether a recorded request leads to where the tool's manifest does: to its origin, with no secret
// in a header but the manifest's. A ledger's file may say what somebody has written into it.
// FAILED_PRECONDITION, naming neither, when it does not. Pure.
absl::Status CheckLeadsWhereToolDoes(const Tool& tool, const HttpRequest& request);

// Whether a recorded request holds `key` where the tool's manifest places it. Pure.
bool HoldsKey(const Tool& tool, const HttpRequest& request, absl::string_view key);

std::string Serialise(const HttpRequest& request);
absl::StatusOr<HttpRequest> ParseRequest(absl::string_view text);

}  // namespace onetake
