#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace onetake {

// `status` as gRPC sends it: same code, same message, and its ErrorDetail in a google.rpc.Status
// for `grpc-status-details-bin` (runtime.proto says how a client reads it). A status without an
// ErrorDetail gets one with the name of its code as the reason.
grpc::Status ToGrpc(const absl::Status& status);

// The same of an RPC that is about to be answered: when its request may be sent again after a while,
// that is also in its trailers for the retries of gRPC's own clients (`grpc-retry-pushback-ms`, gRFC
// A6), which otherwise come again as soon as they like.
grpc::Status ToGrpc(const absl::Status& status, grpc::ServerContextBase& context);

}  // namespace onetake
