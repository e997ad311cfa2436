#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/config/tls_config.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace onetake {

// The listener, with health and, if wanted, reflection. Both answer whoever reaches it, without a
// credential. Not SERVING until SetServing().
class GrpcServer {
 public:
  enum class Reflection { kOff, kOn };
  // `address` as ParseListenAddress() returns it; `tls` was checked. `services` must outlive the
  // server. UNAVAILABLE when the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const std::string& address, const TlsConfig& tls, Reflection reflection,
      const std::vector<grpc::Service*>& services);
  ~GrpcServer();

  // Where clients connect: with the port that was bound when 0 was asked for.
  const std::string& address() const { return address_; }

  // What the health service says, for the whole server and for each of its services.
  void SetServing();
  void SetNotServing();

  // No new RPC; running ones may end until `grace` is over. Blocks until all are answered, so
  // whoever answers them must still run.
  void Shutdown(absl::Duration grace);

 private:
  enum class Health { kServing, kNotServing };
  GrpcServer(std::string address, std::unique_ptr<grpc::Server> server);
  void SetHealth(Health health);

  const std::string address_;
  const std::unique_ptr<grpc::Server> server_;
};

}  // namespace onetake
