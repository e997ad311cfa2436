#include "runtime/server/grpc_status.h"

#include <string>

#include "google/rpc/status.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

bool CauseMayPass(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted ||
         code == absl::StatusCode::kDeadlineExceeded;
}

ErrorDetail DetailOf(const absl::Status& status) {
  if (std::optional<ErrorDetail> detail = GetDetail(status)) return *std::move(detail);
  return {.reason = absl::StatusCodeToString(status.code()),
          .safe_to_resend = CauseMayPass(status.code())};
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorDetail detail = DetailOf(status);
  v1::ErrorDetail message;
  message.set_reason(detail.reason);
  message.set_field(detail.field);
  message.set_safe_to_resend(detail.safe_to_resend);
  message.set_retry_after_ms(detail.retry_after_ms);
  google::rpc::Status envelope;
  envelope.set_code(static_cast<int>(status.code()));  // Abseil's codes are gRPC's
  envelope.set_message(std::string(status.message()));
  envelope.add_details()->PackFrom(message);
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          envelope.SerializeAsString()};
}

}  // namespace onetake
