#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/lifetime.h"
#include "tools/child/supervisor.h"
#include "tools/mcp/mcp_spec.h"
#include "tools/mcp/transport.h"

namespace onetake {

// The stdio transport: a message a line, to a program that is started, watched and started again.
// Whatever the program was asked when it went away is lost: nobody can tell how far it got. Owned
// by the loop.
class McpStdioTransport final : public McpTransport {
 public:
  McpStdioTransport(EventLoop& loop, const Clock& clock, Random& random, McpServerSpec spec);

  void Begin(Events events) override;
  uint64_t Send(Outgoing message, OnEnd on_end) override;
  void Close(uint64_t id) override { exchanges_.erase(id); }
  bool Leave(uint64_t id) override;

 private:
  absl::StatusOr<std::vector<std::string>> Environment() const;
  void OnLine(const std::string& line);
  void OnDown(const std::string& why);
  void EndLater(OnEnd on_end, End end);

  EventLoop& loop_;
  const McpServerSpec spec_;
  Events events_;
  struct Exchange {
    OnEnd on_end;
    uint64_t queued = 0;  // its number at the program that runs
  };
  // The exchanges that wait for an answer, by their messages' ids, which are the exchanges' too.
  absl::flat_hash_map<uint64_t, Exchange> exchanges_;
  Lifetime lifetime_;
  Supervisor supervisor_;
};

}  // namespace onetake
