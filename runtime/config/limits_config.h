#pragma once

#include <yaml-cpp/yaml.h>

#include "runtime/base/limits.h"
#include "runtime/config/call_limit_options.h"
#include "runtime/config/stream_limit_options.h"
#include "runtime/config/yaml_fields.h"

namespace onetake {

// The section `limits` of onetake.yaml. What is beyond them gets RESOURCE_EXHAUSTED at once, before
// anything is recorded; a connection is closed.
//
//   limits:
//     in_flight: 4096        # calls at once, of all tenants: 1..100000
//     downstream_in_flight: 256   # attempts at one downstream (a host, a plugin, an MCP server),
//                            # unless a manifest says another number: 1..4096
//     connections: 4096      # open connections, of one address at most half of them; no more than
//                            # a quarter of the descriptors that the process may have: 1..100000
//     sessions: 4096         # open Session streams: 1..100000
//     tenant:                # of each tenant
//       sessions: 2048       # open Session streams: 1..100000
//       watchers: 32         # open WatchEvents streams: 1..64, and 64 of all tenants
//       in_flight: 1024      # calls at once; absent: as many as of all
//       rate: 200            # calls begun a second, on the average: 1..1000000; absent: no limit
//       burst: 400           # at once after a pause: 1..1000000; absent: twice the rate
struct LimitsConfig {
  CallLimitOptions calls;
  size_t downstream_in_flight = limits::kDownstreamInFlight;
  StreamLimitOptions streams;
  size_t connections = 4096;
};
LimitsConfig ParseLimits(YamlFaults& faults, const YAML::Node& node);

}  // namespace onetake
