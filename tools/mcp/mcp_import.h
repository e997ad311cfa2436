#pragma once

#include <string>
#include <vector>

#include "runtime/json/json.h"
#include "tools/mcp/mcp_client.h"

// Proposes manifests for the tools of an MCP server, from what it says of them, for a person to
// finish. Pure.
namespace onetake {

struct McpProposal {
  std::string tool;      // its name at the server
  std::string name;      // of the manifest
  std::string effect;    // "READ", "WRITE NATURAL", "WRITE NONE"
  std::string manifest;  // YAML
  Json reviewed;         // what its digest is made of
  std::string digest;
  std::string refused;             // why there is no manifest; empty: there is one
  std::vector<std::string> notes;  // what its manifest leaves out of the server's schema
  bool is_draft = false;           // the manifest has no `parameters`: it does not load
};

// Sorted by name. Annotations are hints: readOnlyHint proposes a READ, idempotentHint NATURAL when
// no argument looks like an idempotency key, and whatever else there is a WRITE that is never sent
// twice. `server` is the name that onetake.yaml has.
std::vector<McpProposal> ProposeMcpTools(const std::string& server, const McpClient::Tools& tools);

// Returns what differs between two of McpProposal::reviewed, a line each: "~
// /inputSchema/properties/x/type "string" -> "number"". Pure.
std::vector<std::string> ReviewDifferences(const Json& before, const Json& after);

}  // namespace onetake
