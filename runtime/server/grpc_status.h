#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace onetake {

// `status` as gRPC sends it at the end of the RPC of `context`: same code, same message, and its
// ErrorDetail in a google.rpc.Status for `grpc-status-details-bin` (runtime.proto says how a client
// reads it). A status without an ErrorDetail gets one with the name of its code as the reason. When
// the same request may be sent again after a while, the trailers say so too
// (`grpc-retry-pushback-ms`, gRFC A6), for the retries of gRPC's own clients, which otherwise come
// as soon as they like.
grpc::Status ToGrpc(const absl::Status& status, grpc::ServerContextBase& context);

}  // namespace onetake
