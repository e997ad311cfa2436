#include "runtime/server/grpc_status.h"

#include <string>

#include "google/rpc/status.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/server/convert.h"

namespace onetake {
namespace {

grpc::Status WithDetail(const absl::Status& status, const v1::ErrorDetail& detail) {
  google::rpc::Status envelope;
  envelope.set_code(static_cast<int>(status.code()));  // Abseil's codes are gRPC's
  envelope.set_message(std::string(status.message()));
  envelope.add_details()->PackFrom(detail);
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          envelope.SerializeAsString()};
}

v1::ErrorDetail DetailOf(const absl::Status& status) {
  v1::ErrorDetail detail;
  Fill(status, detail);
  return detail;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  return status.ok() ? grpc::Status::OK : WithDetail(status, DetailOf(status));
}

grpc::Status ToGrpc(const absl::Status& status, grpc::ServerContextBase& context) {
  if (status.ok()) return grpc::Status::OK;
  const v1::ErrorDetail detail = DetailOf(status);
  if (detail.safe_to_resend() && detail.retry_after_ms() > 0) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(detail.retry_after_ms()));
  }
  return WithDetail(status, detail);
}

}  // namespace onetake
