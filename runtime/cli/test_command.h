#pragma once

#include <CLI/CLI.hpp>

#include "runtime/cli/command.h"

namespace onetake {

// Adds `tools test` to the `tools` command.
void AddTestCommand(CLI::App& tools, CommandContext& context);

}  // namespace onetake
