#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/lifetime.h"
#include "tools/http/http_client.h"
#include "tools/mcp/mcp_spec.h"
#include "tools/mcp/sse.h"
#include "tools/mcp/transport.h"

namespace onetake {

// Streamable HTTP: each message is one POST, and its answer JSON or an event stream. Owned by the
// loop.
class McpHttpTransport final : public McpTransport {
 public:
  McpHttpTransport(EventLoop& loop, const Clock& clock, std::shared_ptr<HttpClient> client,
                   McpServerSpec spec);
  ~McpHttpTransport() override;

  void Begin(Events events) override;
  uint64_t Send(Outgoing message, OnEnd on_end) override;
  void Close(uint64_t id) override;
  bool Leave(uint64_t id) override;
  bool Resent(uint64_t id) const override;

 private:
  struct Exchange;

  void Request(uint64_t id, Exchange& exchange, HttpRequest request);
  void OnBytes(uint64_t id, const HttpExchange& so_far, absl::string_view bytes);
  void OnDone(uint64_t id, HttpExchange http);
  absl::Duration PauseBefore(Exchange& exchange) const;
  // Takes the stream that broke off up again; whether it does.
  bool Resume(uint64_t id, Exchange& exchange, const HttpExchange& http);
  static End EndOfStream(const HttpExchange& http);
  static End EndOf(const Exchange& exchange, const HttpExchange& http);
  void OnAnswered(uint64_t id, Exchange& exchange);
  void Deliver(uint64_t id, absl::string_view text, const std::string& session);
  HttpRequest Base(const Exchange& exchange) const;

  EventLoop& loop_;
  const Clock& clock_;
  const std::shared_ptr<HttpClient> client_;  // of all servers
  const McpServerSpec spec_;
  Events events_;
  uint64_t next_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Exchange>> exchanges_;
  Lifetime lifetime_;
};

}  // namespace onetake
