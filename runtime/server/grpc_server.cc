#include "runtime/server/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "onetake/v1/ledger.grpc.pb.h"
#include "onetake/v1/runtime.grpc.pb.h"
#include "onetake/v1/upkeep.grpc.pb.h"
#include "runtime/base/limits.h"
#include "runtime/base/this_thread.h"

namespace onetake {
namespace {

// All of them are process-wide switches of gRPC.
void SetUpGrpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

// Its library puts reflection into every server of a process that it is linked to.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    using Plugin = grpc::reflection::ProtoServerReflectionPlugin;
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [](const std::unique_ptr<grpc::ServerBuilderPlugin>& plugin) {
                                    return dynamic_cast<Plugin*>(plugin.get()) != nullptr;
                                  }),
                   plugins->end());
  }
};

int Ms(absl::Duration duration) { return static_cast<int>(absl::ToInt64Milliseconds(duration)); }

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::kMessageBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(limits::kMetadataBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);
  grpc::ResourceQuota quota("onetake");
  quota.Resize(256 * 1024 * 1024).SetMaxThreads(32);
  builder.SetResourceQuota(quota);
  // Reflection is gRPC's one blocking service; it needs no more than this.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

// A peer that went away is noticed, one that stays is let go now and then, and one that floods us
// with pings is cut off.
void SetKeepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Ms(absl::Seconds(20)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Ms(absl::Seconds(10)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Ms(absl::Seconds(10)));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Ms(absl::Minutes(10)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Ms(absl::Hours(1)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Ms(limits::kMaxPatience + absl::Minutes(1)));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Ms(absl::Seconds(5)));
}

// Files that are replaced are used for new connections.
std::shared_ptr<grpc::ServerCredentials> Credentials(const TlsConfig& tls) {
  if (!tls.on()) return grpc::InsecureServerCredentials();
  constexpr unsigned int refresh_s = 1;  // of files of our own: the operator's are looked at before
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          tls.key_file, tls.certificate_file, tls.client_ca_file, refresh_s));
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca_file.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(tls.clients == TlsConfig::Clients::kRequired
                                      ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    Acceptor& acceptor, const TlsConfig& tls, Reflection reflection,
    const std::vector<grpc::Service*>& services) {
  SetUpGrpc();
  grpc::ServerBuilder builder;
  if (reflection == Reflection::kOff) builder.SetOption(std::make_unique<WithoutReflection>());
  SetLimits(builder);
  SetKeepalive(builder);
  std::unique_ptr<Connections> connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, Credentials(tls));
  for (grpc::Service* service : services) builder.RegisterService(service);
  // gRPC's threads answer what is too much, so they must not wait until the others' turns end.
  RunInShortTurns();
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  RunInOrdinaryTurns();
  if (server == nullptr) return absl::UnavailableError("gRPC does not start");
  std::unique_ptr<GrpcServer> started(
      new GrpcServer(acceptor, std::move(connections), std::move(server)));
  started->SetNotServing();
  acceptor.Start([connections = started->connections_.get()](int fd) {
    Connections::NewConnectionParameters connection;
    connection.fd = fd;
    connections->HandleNewConnection(&connection);
  });
  return started;
}

GrpcServer::GrpcServer(Acceptor& acceptor, std::unique_ptr<Connections> connections,
                       std::unique_ptr<grpc::Server> server)
    : acceptor_(acceptor), connections_(std::move(connections)), server_(std::move(server)) {}

// What is handed to a server that shuts down is never closed.
GrpcServer::~GrpcServer() { acceptor_.Stop(); }

void GrpcServer::SetServing() { SetHealth(Health::kServing); }
void GrpcServer::SetNotServing() { SetHealth(Health::kNotServing); }

void GrpcServer::SetHealth(Health health) {
  for (const char* service :
       {v1::ToolRuntime::service_full_name(), v1::LedgerService::service_full_name(),
        v1::LedgerUpkeep::service_full_name(), ""}) {
    server_->GetHealthCheckService()->SetServingStatus(service, health == Health::kServing);
  }
}

void GrpcServer::Shutdown(absl::Duration grace) {
  acceptor_.Stop();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
}

}  // namespace onetake
