#pragma once

#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace onetake {

// Two fields that name the same file, although each of them wants it for itself.
struct FileClash {
  std::string field;  // the later of the two, e.g. "ledger.checkpoints.path"
  std::string other;
};

// Finds clashes among the files that onetaked writes or keeps secrets in, including those that
// SQLite puts beside the ledger. Goes by their names: what a link leads to is not looked at. Pure.
std::vector<FileClash> FindFileClashes(const ServerConfig& config);

}  // namespace onetake
