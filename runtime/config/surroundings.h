#pragma once

#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace onetake {

// A misfit between a configuration and the machine that it is looked at on.
struct Misfit {
  enum class Weight {
    kError,    // onetaked would not start here
    kWarning,  // it may be right for the process or the machine that onetaked will have
  } weight = Weight::kError;
  std::string text;  // "field: what is wrong; what would be right"
};

// Looks, without making or opening anything for writing, at the folders and files that `config`
// names, the keys in them too, and, as warnings, at its variables, its group, the tools that are on
// legal hold, and those whose keys are remembered for longer than the ledger remembers a write.
// Blocks on the disk.
std::vector<Misfit> FindMisfits(const ServerConfig& config);

}  // namespace onetake
