#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace onetake {

// A program that runs, and our ends of what connects us to it. The caller closes them.
struct Spawned {
  pid_t pid = -1;
  int pidfd = -1;   // readable once it has ended
  int input = -1;   // its standard input; does not block
  int output = -1;  // its standard output; does not block
};

// Starts `command` with `environment` (NAME=value), in a process group of its own, killed by the
// kernel when the calling thread ends. UNAVAILABLE when it cannot be started, saying why.
absl::StatusOr<Spawned> Spawn(const std::vector<std::string>& command,
                              const std::vector<std::string>& environment,
                              const std::string& log_file);

}  // namespace onetake
