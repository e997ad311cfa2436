#pragma once

#include <yaml-cpp/yaml.h>

#include "runtime/config/yaml_fields.h"
#include "runtime/ledger/ledger_upkeep.h"

namespace onetake {

// How long the ledger keeps what:
//
//   retention:
//     bodies: 720h            # identity, arguments, request and result of a settled intent;
//                             # 1h..876000h
//     skeletons: 52560h       # all that is left of it, and its events; 720h..876000h, and not less
//                             # than bodies
//     hold:                   # legal hold: these are kept whole
//       sessions: [CA123]
//       tools: [book_appointment]
//       intents: [5b10068b75c18d853331b2b6532b2541]
//
// Faults go to `faults`.
AgeRules ParseRetention(YamlFaults& faults, const YAML::Node& node);

}  // namespace onetake
