#include "runtime/cli/client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"
#include "onetake/v1/ledger.grpc.pb.h"
#include "onetake/v1/runtime.grpc.pb.h"
#include "onetake/v1/upkeep.grpc.pb.h"
#include "runtime/base/ip_address.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr absl::Duration kQueryTimeout = absl::Seconds(10);
constexpr int kKeepaliveMs = 20'000;  // the server takes one every 10 s
constexpr int kKeepaliveAnswerMs = 10'000;
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

absl::StatusOr<std::string> ReadWhole(absl::string_view flag, const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  // A stream that is opened on a folder throws at the first byte.
  if (file.is_open() && !std::filesystem::is_directory(path, ignored)) {
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.bad()) return text;
  }
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", path, " cannot be read"));
}

// Checks the characters: a header's value may hold nothing else, and a file ends with a line feed.
absl::StatusOr<std::string> Authorization(const ClientOptions& options) {
  std::string token;
  if (!options.token_file.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(token, ReadWhole("--token-file", options.token_file));
  } else if (const char* given = std::getenv("ONETAKE_TOKEN")) {
    token = given;
  }
  const absl::string_view text = absl::StripAsciiWhitespace(token);
  if (text.empty()) return std::string();
  const bool printable = std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
  if (!printable) return absl::InvalidArgumentError("the token holds what no token can hold");
  return absl::StrCat("Bearer ", text);
}

bool StaysOnThisMachine(absl::string_view address) {
  const absl::string_view host = address.substr(0, address.rfind(':'));
  // A name may begin like an address: 127.0.0.1.example.com.
  const absl::StatusOr<IpAddress> ip = IpAddress::Parse(host);
  return absl::StartsWith(address, "unix:") || host == "localhost" || host == "[::1]" ||
         (ip.ok() && ip->is_v4() && ip->bytes()[0] == 127);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ClientOptions& options) {
  const bool has_certificate = !options.certificate_file.empty();
  if (has_certificate != !options.key_file.empty()) {
    return absl::InvalidArgumentError("--certificate and --key go together");
  }
  if (options.ca_file.empty()) {
    if (has_certificate) return absl::InvalidArgumentError("--certificate needs --ca");
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions tls;
  ONETAKE_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadWhole("--ca", options.ca_file));
  if (has_certificate) {
    ONETAKE_ASSIGN_OR_RETURN(tls.pem_cert_chain,
                             ReadWhole("--certificate", options.certificate_file));
    ONETAKE_ASSIGN_OR_RETURN(tls.pem_private_key, ReadWhole("--key", options.key_file));
  }
  return grpc::SslCredentials(tls);
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A machine that went without a word is noticed, also by who only listens.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveAnswerMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // as many as it takes
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

struct Client::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : runtime(channel), ledger(channel), upkeep(channel) {}
  v1::ToolRuntime::Stub runtime;
  v1::LedgerService::Stub ledger;
  v1::LedgerUpkeep::Stub upkeep;
};

Client::Client(const ClientOptions& options) {
  absl::StatusOr<std::string> authorization = Authorization(options);
  auto credentials = Credentials(options);
  ready_ = authorization.ok() ? credentials.status() : authorization.status();
  if (ready_.ok() && !authorization->empty() && options.ca_file.empty() &&
      !StaysOnThisMachine(options.address)) {
    ready_ = absl::InvalidArgumentError(
        "a token is not sent in clear text to another machine: give --ca, the file that the "
        "server's certificate is checked by");
  }
  if (!ready_.ok()) return;
  authorization_ = *std::move(authorization);
  tls_ = !options.ca_file.empty();
  stubs_ = std::make_unique<Stubs>(MakeChannel(options.address, *credentials));
}
Client::~Client() = default;

// A server with TLS hangs up on clear text without a word.
absl::Status Client::Told(const grpc::Status& status) const {
  const absl::Status result = FromGrpc(status);
  const bool hung_up = absl::IsUnavailable(result) && !GetDetail(result).has_value() &&
                       (absl::StrContains(result.message(), "Socket closed") ||
                        absl::StrContains(result.message(), "onnection reset"));
  if (tls_ || !hung_up) return result;
  return absl::UnavailableError(
      absl::StrCat(result.message(), "; a server with tls hangs up like that without --ca"));
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Client::Call(Stub& stub,
                                      grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                      const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  if (!authorization_.empty()) context.AddMetadata(kAuthorization, authorization_);
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  Response response;
  if (absl::Status status = Told((stub.*method)(&context, request, &response)); !status.ok()) {
    return status;
  }
  return response;
}

absl::StatusOr<v1::ExecuteResponse> Client::Execute(const v1::ExecuteRequest& request,
                                                    absl::Duration timeout) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->runtime, &v1::ToolRuntime::Stub::Execute, request, timeout);
}
absl::StatusOr<v1::ExecuteResponse> Client::Await(const v1::AwaitRequest& request,
                                                  absl::Duration timeout) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->runtime, &v1::ToolRuntime::Stub::Await, request, timeout);
}
absl::StatusOr<v1::ListToolsResponse> Client::ListTools(const v1::ListToolsRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->runtime, &v1::ToolRuntime::Stub::ListTools, request, kQueryTimeout);
}
absl::StatusOr<v1::ListIntentsResponse> Client::ListIntents(const v1::ListIntentsRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ListIntents, request, kQueryTimeout);
}
absl::StatusOr<v1::GetIntentResponse> Client::GetIntent(const v1::GetIntentRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::GetIntent, request, kQueryTimeout);
}
absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ListEvents, request, kQueryTimeout);
}
absl::StatusOr<v1::ListCallsResponse> Client::ListCalls(const v1::ListCallsRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ListCalls, request, kQueryTimeout);
}
absl::StatusOr<v1::DuplicateReportResponse> Client::DuplicateReport(
    const v1::DuplicateReportRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::DuplicateReport, request, kQueryTimeout);
}
absl::Status Client::WatchEvents(const v1::WatchEventsRequest& request,
                                 absl::FunctionRef<Watching(const v1::WatchEventsResponse&)> take) {
  if (!ready_.ok()) return ready_;
  grpc::ClientContext context;
  if (!authorization_.empty()) context.AddMetadata(kAuthorization, authorization_);
  const auto stream = stubs_->ledger.WatchEvents(&context, request);
  v1::WatchEventsResponse message;
  while (stream->Read(&message)) {
    if (take(message) == Watching::kGoOn) continue;
    context.TryCancel();
    stream->Finish();
    return absl::OkStatus();
  }
  return Told(stream->Finish());
}

absl::StatusOr<v1::ResolveIntentResponse> Client::ResolveIntent(
    const v1::ResolveIntentRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ResolveIntent, request, kQueryTimeout);
}
absl::StatusOr<v1::ReviewReportResponse> Client::ReviewReport() {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::ReviewReport, v1::ReviewReportRequest(),
              kQueryTimeout);
}
absl::StatusOr<v1::LatencyReportResponse> Client::LatencyReport(
    const v1::LatencyReportRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::LatencyReport, request, kQueryTimeout);
}
absl::StatusOr<v1::VerifyChainResponse> Client::VerifyChain(const v1::VerifyChainRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->ledger, &v1::LedgerService::Stub::VerifyChain, request, kQueryTimeout);
}
absl::StatusOr<v1::EraseResponse> Client::Erase(const v1::EraseRequest& request) {
  if (!ready_.ok()) return ready_;
  return Call(stubs_->upkeep, &v1::LedgerUpkeep::Stub::Erase, request, kQueryTimeout);
}

}  // namespace onetake
