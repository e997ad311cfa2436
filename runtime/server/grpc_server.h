#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/config/tls_config.h"
#include "runtime/server/acceptor.h"

namespace grpc {
class Server;
class Service;
namespace experimental {
class ExternalConnectionAcceptor;
}  // namespace experimental
}  // namespace grpc

namespace onetake {

// gRPC on the connections of an Acceptor, with health and, if wanted, reflection. Both answer
// whoever reaches it, without a credential. Not SERVING until SetServing().
class GrpcServer {
 public:
  enum class Reflection { kOff, kOn };
  // Starts `acceptor`, which was not started; `tls` was checked. The acceptor and `services` must
  // outlive the server. UNAVAILABLE when gRPC does not start, and nothing is accepted then.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      Acceptor& acceptor, const TlsConfig& tls, Reflection reflection,
      const std::vector<grpc::Service*>& services);
  ~GrpcServer();

  // What the health service says, for the whole server and for each of its services.
  void SetServing();
  void SetNotServing();

  // No new connection or RPC; running ones may end until `grace` is over. Blocks until all are
  // answered, so whoever answers them must still run.
  void Shutdown(absl::Duration grace);

 private:
  enum class Health { kServing, kNotServing };
  using Connections = grpc::experimental::ExternalConnectionAcceptor;
  GrpcServer(Acceptor& acceptor, std::unique_ptr<Connections> connections,
             std::unique_ptr<grpc::Server> server);
  void SetHealth(Health health);

  Acceptor& acceptor_;
  const std::unique_ptr<Connections> connections_;
  const std::unique_ptr<grpc::Server> server_;
};

}  // namespace onetake
