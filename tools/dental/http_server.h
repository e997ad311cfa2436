#pragma once

#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httplib.h"

namespace onetake::dental {

// cpp-httplib's server with its own thread and a lifetime: bound and serving from Start() to the
// destructor. Handlers are added before Start().
class HttpServer final : private httplib::Server {
 public:
  explicit HttpServer(int threads);
  // Open connections that are idle delay it by up to a second.
  ~HttpServer() override;

  using httplib::Server::Get;
  using httplib::Server::Post;

  // Returns the port it is bound to; 0 asks for any free one. UNAVAILABLE when the address is taken
  // or not ours.
  absl::StatusOr<int> Start(const std::string& host, int port);

 private:
  std::thread thread_;
};

// Resets the connection that `request` came on: the client sees ECONNRESET instead of an answer.
void ResetConnection(const httplib::Request& request);

}  // namespace onetake::dental
