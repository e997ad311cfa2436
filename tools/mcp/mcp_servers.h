#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/event_loop.h"
#include "tools/http/http_client.h"
#include "tools/mcp/mcp_client.h"
#include "tools/mcp/mcp_spec.h"

namespace onetake {

// Makes a client for one server; it connects as soon as the loop runs. `options` comes without the
// parts that the server's own specification has.
std::unique_ptr<McpClient> MakeMcpClient(const McpServerSpec& server, EventLoop& loop,
                                         const Clock& clock, Random& random,
                                         McpClient::Options options);

// Makes one for each server, by its name. They share connections; `http` says how many.
std::map<std::string, std::unique_ptr<McpClient>> MakeMcpClients(
    const std::vector<McpServerSpec>& servers, EventLoop& loop, const Clock& clock, Random& random,
    HttpClient::Options http);

}  // namespace onetake
