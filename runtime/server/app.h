#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/secret.h"
#include "runtime/base/system_clock.h"
#include "runtime/catalog/tool.h"
#include "runtime/engine/engine.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/server/catalog_reloader.h"
#include "runtime/server/config.h"
#include "runtime/server/current_tools.h"
#include "runtime/server/event_watch.h"
#include "runtime/server/grpc_server.h"
#include "runtime/server/latency_keeper.h"
#include "runtime/server/ledger_service.h"
#include "runtime/server/metrics.h"
#include "runtime/server/retention.h"
#include "runtime/server/tool_runtime_service.h"
#include "runtime/server/upkeep_service.h"
#include "tools/http/executor.h"
#include "tools/mcp/mcp_executor.h"
#include "tools/mcp/mcp_servers.h"
#include "tools/plugin/plugin_executor.h"

namespace onetake {

// The parts of onetaked, wired. OpenLedger(), Listen(), Stop(), each once and in this order, from
// one thread; each blocks.
class App {
 public:
  struct Keys {
    Secret intent;
    std::vector<Secret> masters;  // of the sealing, the current one first; empty: none
  };
  App(ServerConfig config, Keys keys, std::shared_ptr<const ToolSet> tools);
  ~App();

  // Opens the ledger and marks what a crash left in flight (R12). Its own statuses.
  absl::Status OpenLedger();

  // Starts to settle what is UNKNOWN, and to take calls. UNAVAILABLE when the address cannot be
  // bound.
  absl::Status Listen();
  // Where clients connect; after Listen().
  const std::string& address() const { return server_->address(); }

  // Reads the manifests again, soon and in the background, and the master keys from where the
  // configuration says, to wrap the data keys with the current one; while the server listens.
  // Errors change nothing and are logged.
  void Reload();

  // New calls get UNAVAILABLE; running ones have the configured grace to settle, then what is left
  // is recorded UNKNOWN. Returns when every call is answered and the ledger is closed.
  void Stop();

 private:
  AttributeIndex IndexOfAttributes() const;
  void UseTools(std::shared_ptr<const ToolSet> tools);
  void WarnOfDifferences(const std::string& plugin, const PluginDescription& offers);

  const ServerConfig config_;
  Secret intent_key_;
  std::shared_ptr<KeyRing> key_ring_;  // null: sealing is off, and nothing was ever sealed
  CurrentTools tools_;
  SystemClock clock_;
  SystemRandom random_;
  EventLoop loop_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::unique_ptr<HttpExecutor> http_;
  std::unique_ptr<PluginExecutor> plugins_;
  std::unique_ptr<McpExecutor> mcp_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<LatencyKeeper> latencies_;
  std::unique_ptr<Retention> retention_;
  std::unique_ptr<SessionHub> sessions_;
  std::unique_ptr<ToolRuntimeService> runtime_service_;
  std::unique_ptr<EventWatches> watches_;
  std::unique_ptr<LedgerService> ledger_service_;
  std::unique_ptr<UpkeepService> upkeep_service_;
  std::unique_ptr<CatalogReloader> reloader_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<GrpcServer> server_;
};

}  // namespace onetake
