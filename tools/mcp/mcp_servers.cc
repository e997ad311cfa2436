#include "tools/mcp/mcp_servers.h"

#include <utility>

#include "tools/mcp/http_transport.h"
#include "tools/mcp/stdio_transport.h"

namespace onetake {
namespace {

std::unique_ptr<McpTransport> MakeTransport(const McpServerSpec& server, EventLoop& loop,
                                            const Clock& clock, Random& random,
                                            const std::shared_ptr<HttpClient>& http) {
  if (server.kind == McpServerSpec::Kind::kCommand) {
    return std::make_unique<McpStdioTransport>(loop, clock, random, server);
  }
  return std::make_unique<McpHttpTransport>(loop, clock, http, server);
}

std::unique_ptr<McpClient> Make(const McpServerSpec& server, EventLoop& loop, const Clock& clock,
                                Random& random, const std::shared_ptr<HttpClient>& http,
                                McpClient::Options options) {
  options.name = server.name;
  options.transport = server.kind;
  options.era = server.era;
  return std::make_unique<McpClient>(loop, clock, MakeTransport(server, loop, clock, random, http),
                                     std::move(options));
}

}  // namespace

std::unique_ptr<McpClient> MakeMcpClient(const McpServerSpec& server, EventLoop& loop,
                                         const Clock& clock, Random& random,
                                         McpClient::Options options) {
  return Make(server, loop, clock, random,
              std::make_shared<HttpClient>(loop, clock, HttpClient::Options{}), std::move(options));
}

std::map<std::string, std::unique_ptr<McpClient>> MakeMcpClients(
    const std::vector<McpServerSpec>& servers, EventLoop& loop, const Clock& clock, Random& random,
    HttpClient::Options http) {
  const auto client = std::make_shared<HttpClient>(loop, clock, std::move(http));
  std::map<std::string, std::unique_ptr<McpClient>> clients;
  for (const McpServerSpec& server : servers) {
    clients[server.name] = Make(server, loop, clock, random, client, {});
  }
  return clients;
}

}  // namespace onetake
