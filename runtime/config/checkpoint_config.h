#pragma once

#include <string>

#include "runtime/config/yaml_fields.h"
#include "runtime/ledger/checkpoint_options.h"

namespace onetake {

// What onetake.yaml says about the signed checkpoints of the ledger's chain; all of it has a
// default:
//
//   ledger:
//     path: ./onetake.db
//     checkpoints:
//       path: ./onetake.db.checkpoints       # better on another disk, or another machine's
//       key_file: ./onetake.db.signing-key   # Ed25519, PEM; made at the first start
//       every_events: 1000                   # 1 to 1000000
//       every: 60s                           # 100ms to 24h
//       syslog: false                        # true: each one also to syslog, authpriv.notice
//
// Relative paths are relative to `folder`. A path that is not given stays empty.
CheckpointOptions ParseCheckpoints(YamlFaults& faults, const YAML::Node& node,
                                   const std::string& folder);

}  // namespace onetake
