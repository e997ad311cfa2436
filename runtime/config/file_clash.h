#pragma once

#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace onetake {

// Two fields that name one file which each of them wants for itself.
struct FileClash {
  std::string field;  // the later of the two, e.g. "ledger.checkpoints.path"
  std::string other;
};

// Of the files that onetaked writes or keeps secrets in, those that SQLite puts beside the ledger
// among them. By their names: what a link leads to is not looked at. Pure.
std::vector<FileClash> FindFileClashes(const ServerConfig& config);

}  // namespace onetake
