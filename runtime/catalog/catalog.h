#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/catalog/diagnostic.h"
#include "runtime/catalog/environment.h"
#include "runtime/catalog/tool.h"

namespace onetake {

struct Catalog {
  // nullptr when `diagnostics` holds an error: a catalog is loaded whole or not at all.
  std::shared_ptr<const ToolSet> tools;
  // All that is to be said about the files, sorted: all errors at once, and what lint says about
  // the tools that have none.
  std::vector<Diagnostic> diagnostics;
};

// What the manifests may name besides each other: the plugins and MCP servers of onetake.yaml; and
// how long the ledger remembers a settled write. Absent: not known here, so not checked.
struct KnownPeers {
  std::optional<std::vector<std::string>> plugins;
  std::optional<std::vector<std::string>> mcp_servers;
  std::optional<absl::Duration> ledger_keeps;
};

// Loads every *.yaml and *.yml of the folders (not of folders below them; names that begin with a
// dot are left alone). A tool's name may occur once in all of them. A schema named by `$ref` must
// lie in one of the folders, and so must the target of a symbolic link. Blocks on the disk. Never
// throws.
Catalog LoadCatalog(const std::vector<std::string>& folders, const Environment& environment,
                    const KnownPeers& peers = {});

}  // namespace onetake
