#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/config/secret_source.h"
#include "runtime/config/yaml_fields.h"

namespace onetake {

// What of the ledger is sealed, and under which keys:
//
//   sealing: off                        # a deliberate choice: what callers said is stored as it is
//   sealing:
//     master: { file: ./onetake.master }   # or { env: NAME } or { command: [/usr/bin/fetch, key]
//     };
//                                          # absent: that file, made at the first start
//     previous: [{ file: ./old.master }]   # while a rotation has not been seen through
//     rotate_every: 2160h                  # a tenant's data key; 1h..87600h
struct SealingConfig {
  enum class NewRows { kSealed, kPlain };
  NewRows new_rows = NewRows::kSealed;
  SecretSource master;
  std::vector<SecretSource> previous;
  absl::Duration rotate_every = absl::Hours(90 * 24);
};

SealingConfig DefaultSealing(const std::string& folder);
// Faults go to `faults`. Relative paths are relative to `folder`.
SealingConfig ParseSealing(YamlFaults& faults, const YAML::Node& node, const std::string& folder);

enum class CommandSources { kAllowed, kNone };
// Reads { file: PATH }, { env: NAME } or, where allowed, { command: [PROGRAM, ARGUMENT...] }:
// exactly one.
SecretSource ParseSecretSource(YamlFaults& faults, const YAML::Node& node, const std::string& field,
                               const std::string& folder, CommandSources commands);

}  // namespace onetake
