#pragma once

namespace onetake {

// Takes what gRPC complains of into the log. Its texts may hold what a peer has sent, so only the
// place in gRPC's code is told, and at most one line a second: a stranger must not fill the disk.
// Process-wide; before any other use of gRPC.
void TakeGrpcLog();

}  // namespace onetake
