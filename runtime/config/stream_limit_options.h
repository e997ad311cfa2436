#pragma once

#include <cstddef>

namespace onetake {

// How many streams may be open; runtime/server/stream_limits.h enforces it. A watcher costs a
// question of the ledger at each commit, a session some KB, so there may be few of the one and many
// of the other.
struct StreamLimitOptions {
  size_t sessions = 4096;         // Session streams of all tenants
  size_t tenant_sessions = 2048;  // of each tenant
  size_t watchers = 64;           // WatchEvents streams
  size_t tenant_watchers = 32;
};

}  // namespace onetake
