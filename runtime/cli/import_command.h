#pragma once

#include "runtime/cli/command.h"

namespace onetake {

// `import`, below the command `tools`.
void AddImportCommands(CLI::App& tools, CommandContext& context);

}  // namespace onetake
