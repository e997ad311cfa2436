#pragma once

#include <CLI/CLI.hpp>

#include "onetake/v1/ledger.pb.h"

namespace onetake {

// Adds the flag that asks for values which are hidden otherwise. `request` must outlive the parse.
inline void AddUnseal(CLI::App& command, v1::GetIntentRequest& request) {
  command.add_flag_callback(
      "--unseal", [&request] { request.set_unseal(true); },
      "What is hidden too: arguments and results, why attempts failed, people's reasons; needs "
      "the\n"
      "role unseal, and is recorded");
}

}  // namespace onetake
