#pragma once

#include <functional>

namespace onetake {

// Takes what gRPC complains of into the log. Its texts may hold what a peer has sent, so only the
// place in gRPC's code is told, and at most one line a second: a stranger must not fill the disk.
//
// gRPC 1.51 stops listening for ever when it could not accept a connection once (CVE-2023-4785):
// then `on_deaf` runs, on a thread of gRPC's. Process-wide; before any other use of gRPC.
void TakeGrpcLog(std::function<void()> on_deaf);

}  // namespace onetake
