#pragma once

#include "runtime/cli/command.h"

namespace onetake {

// Adds `import` below the command `tools`.
void AddImportCommands(CLI::App& tools, CommandContext& context);

// Adds `mcp` below the command `import`.
void AddMcpImport(CLI::App& import, CommandContext& context);

}  // namespace onetake
