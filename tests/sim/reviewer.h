#pragma once

#include <string>
#include <vector>

#include "runtime/ledger/ledger.h"
#include "tests/sim/downstream.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_tool.h"

namespace onetake::sim {

// What a person says about everything that waits for one: the truth, and nothing as long as it may
// still change.
std::vector<Resolution> Verdicts(SimDisk& disk, const std::string& path,
                                 const Downstream& downstream, const SentLog& log, absl::Time now);

// What somebody says of the write with this key by what is there now, although an attempt is under
// way; nullopt where nobody may say anything.
std::optional<Resolution> HastyVerdict(SimDisk& disk, const std::string& path,
                                       const Downstream& downstream, const SentLog& log,
                                       const std::string& key, absl::Time now);

}  // namespace onetake::sim
