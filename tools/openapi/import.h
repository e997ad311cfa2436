#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

struct OpenApiImportOptions {
  // The URL to use instead of what the description says about servers; as in a manifest, so ${NAME}
  // is meant.
  std::string base_url;
  // The beginning of the names of environment variables; empty: made of the description's title.
  std::string variable_prefix;
  // How long the API remembers idempotency keys ("24h"), where the description does not say. Empty:
  // such a manifest does not load until a person has filled it in.
  std::string retention;
  // Path parameters that are no argument of a model: name -> text, in which ${NAME} is meant:
  // AccountSid -> ${TWILIO_ACCOUNT_SID}. Each must be in some path.
  std::map<std::string, std::string> fixed;
  // Takes only operations whose name, path or "METHOD path" holds this text, in any case; empty:
  // all.
  std::string only;
};

struct ImportedFile {
  std::string name;  // "create_booking.yaml"; no folder in it
  std::string text;
};

struct ImportedTool {
  std::string name;
  std::string method;
  std::string path;
  std::string effect;               // "READ", "WRITE"
  std::string safety;               // "NONE", "KEYED", "NATURAL" ...; empty for a READ
  std::vector<std::string> notes;   // what a person should know or decide
  std::vector<ImportedFile> files;  // the manifest, and its schema when that is long
};

struct RefusedOperation {
  std::string method;
  std::string path;
  std::string reason;
};

// The two lists hold every operation of the description, except those that `only` passes over.
struct OpenApiImport {
  std::vector<ImportedTool> tools;
  std::vector<RefusedOperation> refused;
};

// Proposes one manifest an operation of an OpenAPI description, 3.0 or 3.1, in JSON or YAML.
// README.md says what is proposed and what is refused. INVALID_ARGUMENT when `text` is no such
// description, or an option cannot be right. Pure.
absl::StatusOr<OpenApiImport> ImportOpenApi(absl::string_view text,
                                            const OpenApiImportOptions& options);

}  // namespace onetake
