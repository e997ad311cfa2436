#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "onetake/v1/upkeep.pb.h"

namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc

namespace onetake {

// Where the server is and who asks.
struct ClientOptions {
  std::string address = "127.0.0.1:7171";  // or "unix:/run/onetake/onetake.sock"
  std::string token_file;                  // holds a bearer token; empty: ONETAKE_TOKEN, if any
  std::string ca_file;                     // PEM, of the server's certificate; empty: no TLS
  std::string certificate_file;            // of the client, PEM; with key_file
  std::string key_file;
};

// A blocking client of onetaked. gRPC's own retries are off: whether a call may be sent again is
// for the caller to see and say. Errors carry the server's ErrorDetail when it sent one.
class Client {
 public:
  // Connects at the first call. If a file cannot be read, every call fails with that error.
  explicit Client(const ClientOptions& options);
  ~Client();

  absl::StatusOr<v1::ExecuteResponse> Execute(const v1::ExecuteRequest& request,
                                              absl::Duration timeout);
  absl::StatusOr<v1::ExecuteResponse> Await(const v1::AwaitRequest& request,
                                            absl::Duration timeout);
  absl::StatusOr<v1::ListToolsResponse> ListTools(const v1::ListToolsRequest& request);
  absl::StatusOr<v1::ListIntentsResponse> ListIntents(const v1::ListIntentsRequest& request);
  absl::StatusOr<v1::GetIntentResponse> GetIntent(const v1::GetIntentRequest& request);
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request);
  absl::StatusOr<v1::ListCallsResponse> ListCalls(const v1::ListCallsRequest& request);
  absl::StatusOr<v1::DuplicateReportResponse> DuplicateReport(
      const v1::DuplicateReportRequest& request);
  // Runs until the stream ends, and returns its status, or until `take` says that it is enough: OK.
  enum class Watching { kGoOn, kEnough };
  absl::Status WatchEvents(const v1::WatchEventsRequest& request,
                           absl::FunctionRef<Watching(const v1::WatchEventsResponse&)> take);
  absl::StatusOr<v1::ResolveIntentResponse> ResolveIntent(const v1::ResolveIntentRequest& request);
  absl::StatusOr<v1::ReviewReportResponse> ReviewReport();
  absl::StatusOr<v1::LatencyReportResponse> LatencyReport(const v1::LatencyReportRequest& request);
  absl::StatusOr<v1::VerifyChainResponse> VerifyChain(const v1::VerifyChainRequest& request);
  absl::StatusOr<v1::EraseResponse> Erase(const v1::EraseRequest& request);

 private:
  struct Stubs;
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, absl::Duration timeout);

  absl::Status Told(const grpc::Status& status) const;

  absl::Status ready_;
  bool tls_ = false;
  std::string authorization_;  // the header; empty: none
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace onetake
