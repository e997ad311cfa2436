#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/secret.h"
#include "runtime/base/system_clock.h"
#include "runtime/catalog/tool.h"
#include "runtime/config/config.h"
#include "runtime/engine/engine.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/server/acceptor.h"
#include "runtime/server/call_limits.h"
#include "runtime/server/catalog_reloader.h"
#include "runtime/server/current_tools.h"
#include "runtime/server/engine_metrics.h"
#include "runtime/server/event_watch.h"
#include "runtime/server/gate.h"
#include "runtime/server/grpc_server.h"
#include "runtime/server/latency_keeper.h"
#include "runtime/server/ledger_service.h"
#include "runtime/server/metrics.h"
#include "runtime/server/refusals.h"
#include "runtime/server/retention.h"
#include "runtime/server/stream_limits.h"
#include "runtime/server/tls_files.h"
#include "runtime/server/token_watch.h"
#include "runtime/server/tool_runtime_service.h"
#include "runtime/server/unread_answers.h"
#include "runtime/server/upkeep_service.h"
#include "tools/http/http_executor.h"
#include "tools/mcp/mcp_executor.h"
#include "tools/mcp/mcp_servers.h"
#include "tools/plugin/plugin_executor.h"

namespace onetake {

// The parts of onetaked, wired. CheckAccess(), OpenLedger(), StartTools(), Listen(), Stop(), each
// once and in this order, from one thread; each blocks.
class App {
 public:
  struct Keys {
    Secret intent;
    std::vector<Secret> masters;  // of the sealing, the current one first; empty: none
  };
  // `config_file` is where `config` was read from.
  App(std::string config_file, ServerConfig config, Keys keys,
      std::shared_ptr<const ToolSet> tools);
  ~App();

  // Reads the tokens and looks at the certificates. FAILED_PRECONDITION, INVALID_ARGUMENT.
  absl::Status CheckAccess();

  // Opens the ledger and marks what a crash left in flight (R12). Its own statuses.
  absl::Status OpenLedger();

  // Starts what executes the tools, after OpenLedger(). FAILED_PRECONDITION when a plugin's library
  // is not the one that is configured.
  absl::Status StartTools();

  // Starts to settle what is UNKNOWN, and to take calls. UNAVAILABLE when the address cannot be
  // bound.
  absl::Status Listen();
  // Lets the members of `listen_group` connect as well, when there is one; after Listen(). As
  // ShareSocket().
  absl::Status ShareListener();
  // Where clients connect; after Listen().
  const std::string& address() const { return acceptor_->address(); }

  // Reads the configuration and the master keys again. With an error in either nothing changes.
  // Else the data keys are wrapped with the current master key, what may change while it runs is
  // taken over, and the manifests are read, soon and in the background: with an error in one, the
  // tools stay as they were. While the server listens. Errors are logged, and so is what needs a
  // restart.
  void Reload();

  // New calls get UNAVAILABLE; running ones have the configured grace to settle, then what is left
  // is recorded UNKNOWN. Returns when every call is answered and the ledger is closed.
  void Stop();

 private:
  void MakeEngine();
  void MakeServices();
  void BeginOnLoop();
  AttributeIndex IndexOfAttributes() const;
  std::vector<MetricSource> MetricSources();
  void RefreshTls();
  void TellExpiredCertificate();
  void CutOffSlowReaders();
  void CheckCredentials();
  void TellLateLooks();
  void SayAlive(absl::Duration every);
  void UseTools(std::shared_ptr<const ToolSet> tools);
  void WarnOfDifferences(const std::string& plugin, const PluginDescription& offers);

  const std::string config_file_;
  const ServerConfig config_;  // as it was at the start
  Secret intent_key_;
  SystemClock clock_;
  Access access_;
  std::shared_ptr<KeyRing> key_ring_;  // null: sealing is off, and nothing was ever sealed
  CurrentTools tools_;
  SystemRandom random_;
  // Before the loop, whose last tasks give places back.
  CallLimits limits_;
  StreamLimits streams_;
  UnreadAnswers unread_;
  EventLoop loop_;
  // For what reads files again and again: a slow disk holds up that, and no call.
  EventLoop disk_;
  EventLoop token_disk_;
  Refusals refusals_{clock_};
  const Gate gate_;
  TokenWatch tokens_;
  int64_t looks_ = 0;  // of tokens_, when that was asked last
  absl::Duration looked_at_ = absl::ZeroDuration();
  bool told_late_ = false;
  std::unique_ptr<TlsFiles> tls_;  // null: none. The disk's, once that runs
  std::string tls_error_;
  absl::Time told_expired_ = absl::InfinitePast();
  std::unique_ptr<EngineMetrics> engine_metrics_;  // null: nobody asks
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
  std::atomic<int64_t> refused_reloads_ = 0;  // of the configuration and the master keys
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<GrpcServer> server_;
};

}  // namespace onetake
