#pragma once

#include <string>
#include <vector>

#include "runtime/catalog/manifest_writer.h"
#include "tools/openapi/import.h"
#include "tools/openapi/request.h"
#include "tools/openapi/request_body.h"
#include "tools/openapi/safety.h"
#include "tools/openapi/security.h"

namespace onetake {

// All that is known about one tool before it is written down.
struct ToolDraft {
  std::string name;
  std::string origin;  // what the heading calls the description: its title
  OpenApiOperation operation;
  RequestPlan request;
  AnswerContent answer;
  std::string base_url;  // as in a manifest
  std::vector<SecretHeader> secrets;
  ProposedEffect effect;
  ProposedNatural natural;
  std::string default_retention;  // of keys, when the description does not say; may be empty
};

// Writes the manifest with its comments, and a file for a schema that is too long to stand in it.
// Pure.
ImportedTool ProposeTool(const ToolDraft& draft);

}  // namespace onetake
