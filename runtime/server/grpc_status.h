#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace onetake {

// `status` as gRPC sends it: same code, same message, and its ErrorDetail in a google.rpc.Status
// for `grpc-status-details-bin` (runtime.proto says how a client reads it). A status without an
// ErrorDetail gets one with the name of its code as the reason.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace onetake
