#pragma once

#include "runtime/catalog/catalog.h"
#include "runtime/config/config.h"

namespace onetake {

// Loads the manifests of the configured folders, with the process's environment, as LoadCatalog()
// of catalog.h; at the start and at every reload. Blocks on the disk.
Catalog LoadCatalog(const ServerConfig& config);

}  // namespace onetake
