#include "runtime/server/grpc_status.h"

#include <string>

#include "google/rpc/status.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/server/convert.h"

namespace onetake {

grpc::Status ToGrpc(const absl::Status& status, grpc::ServerContextBase& context) {
  if (status.ok()) return grpc::Status::OK;
  v1::ErrorDetail message;
  Fill(status, message);
  if (message.safe_to_resend() && message.retry_after_ms() > 0) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(message.retry_after_ms()));
  }
  google::rpc::Status envelope;
  envelope.set_code(static_cast<int>(status.code()));  // Abseil's codes are gRPC's
  envelope.set_message(std::string(status.message()));
  envelope.add_details()->PackFrom(message);
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          envelope.SerializeAsString()};
}

}  // namespace onetake
