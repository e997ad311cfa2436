#include "runtime/cli/client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "google/rpc/status.pb.h"
#include "onetake/v1/ledger.grpc.pb.h"
#include "onetake/v1/runtime.grpc.pb.h"
#include "onetake/v1/upkeep.grpc.pb.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::Duration kQueryTimeout = absl::Seconds(10);
constexpr int kMaxAnswerBytes = 64 * 1024 * 1024;  // GetIntent: every generation with its result

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status envelope;
  if (!envelope.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& any : envelope.details()) {
    v1::ErrorDetail detail;
    if (!any.UnpackTo(&detail)) continue;
    return WithDetail(std::move(result), {.reason = detail.reason(),
                                          .field = detail.field(),
                                          .safe_to_resend = detail.safe_to_resend(),
                                          .retry_after_ms = detail.retry_after_ms()});
  }
  return result;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  Response response;
  if (absl::Status status = FromGrpc((stub.*method)(&context, request, &response)); !status.ok()) {
    return status;
  }
  return response;
}

}  // namespace

struct Client::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : runtime(channel), ledger(channel), upkeep(channel) {}
  v1::ToolRuntime::Stub runtime;
  v1::LedgerService::Stub ledger;
  v1::LedgerUpkeep::Stub upkeep;
};

Client::Client(const std::string& address)
    : stubs_(std::make_unique<Stubs>(MakeChannel(address))) {}
Client::~Client() = default;

absl::StatusOr<v1::ExecuteResponse> Client::Execute(const v1::ExecuteRequest& request,
                                                    absl::Duration timeout) {
  return Call(stubs_->runtime, &v1::ToolRuntime::Stub::Execute, request, timeout);
}
absl::StatusOr<v1::ExecuteResponse> Client::Await(const v1::AwaitRequest& request,
                                                  absl::Duration timeout) {
  return Call(stubs_->runtime, &v1::ToolRuntime::Stub::Await, request, timeout);
}
absl::StatusOr<v1::ListToolsResponse> Client::ListTools(const v1::ListToolsRequest& request) {
  return Call(stubs_->runtime, &v1::ToolRuntime::Stub::ListTools, request, kQueryTimeout);
}
absl::StatusOr<v1::ListIntentsResponse> Client::ListIntents(const v1::ListIntentsRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ListIntents, request, kQueryTimeout);
}
absl::StatusOr<v1::GetIntentResponse> Client::GetIntent(const v1::GetIntentRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::GetIntent, request, kQueryTimeout);
}
absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ListEvents, request, kQueryTimeout);
}
absl::StatusOr<v1::ListCallsResponse> Client::ListCalls(const v1::ListCallsRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ListCalls, request, kQueryTimeout);
}
absl::StatusOr<v1::DuplicateReportResponse> Client::DuplicateReport(
    const v1::DuplicateReportRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::DuplicateReport, request, kQueryTimeout);
}
absl::Status Client::WatchEvents(const v1::WatchEventsRequest& request,
                                 absl::FunctionRef<Watching(const v1::WatchEventsResponse&)> take) {
  grpc::ClientContext context;
  const auto stream = stubs_->ledger.WatchEvents(&context, request);
  v1::WatchEventsResponse message;
  while (stream->Read(&message)) {
    if (take(message) == Watching::kGoOn) continue;
    context.TryCancel();
    stream->Finish();
    return absl::OkStatus();
  }
  return FromGrpc(stream->Finish());
}

absl::StatusOr<v1::ResolveIntentResponse> Client::ResolveIntent(
    const v1::ResolveIntentRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ResolveIntent, request, kQueryTimeout);
}
absl::StatusOr<v1::ReviewReportResponse> Client::ReviewReport() {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ReviewReport, v1::ReviewReportRequest(),
              kQueryTimeout);
}
absl::StatusOr<v1::LatencyReportResponse> Client::LatencyReport(
    const v1::LatencyReportRequest& request) {
  return Call(stubs_->ledger, &v1::LedgerService::Stub::LatencyReport, request, kQueryTimeout);
}
absl::StatusOr<v1::EraseResponse> Client::Erase(const v1::EraseRequest& request) {
  return Call(stubs_->upkeep, &v1::LedgerUpkeep::Stub::Erase, request, kQueryTimeout);
}

}  // namespace onetake
