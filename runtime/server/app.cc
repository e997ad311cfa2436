#include "runtime/server/app.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/intent/key.h"
#include "runtime/server/configured_catalog.h"
#include "runtime/server/master_keys.h"
#include "runtime/server/plugin_differences.h"
#include "runtime/server/plugin_links.h"

namespace onetake {
namespace {

// Recovered intents settled at a time, per downstream: a restart must not look like an attack.
constexpr int kRecoveryParallel = 8;
// Sessions of the lost time, and what agents remember of them, are over then.
constexpr absl::Duration kUnsureAfterRestore = absl::Hours(24);
// For the answers of calls that the drain has ended to leave the process.
constexpr absl::Duration kLastAnswers = absl::Seconds(1);

int64_t Ms(absl::Duration duration) { return absl::ToInt64Milliseconds(duration); }

}  // namespace

App::App(ServerConfig config, Keys keys, std::shared_ptr<const ToolSet> tools)
    : config_(std::move(config)), intent_key_(std::move(keys.intent)), tools_(std::move(tools)) {
  if (!keys.masters.empty()) key_ring_ = std::make_shared<KeyRing>(std::move(keys.masters));
}

App::~App() {
  if (reloader_ != nullptr) reloader_->Stop();
  // A loop that still runs would use what is destroyed before it.
  loop_.Stop();
  server_.reset();
  metrics_.reset();
  watches_.reset();
  ledger_.reset();
}

// With a copy of the key: the engine takes the key itself.
AttributeIndex App::IndexOfAttributes() const {
  auto key = std::make_shared<const Secret>(std::string(intent_key_.Reveal()));
  return {
      .names = config_.indexed_attributes,
      .digest = [key](absl::string_view tenant, absl::string_view name, absl::string_view value) {
        return AttributeDigest(*key, tenant, name, value);
      }};
}

absl::Status App::OpenLedger() {
  const bool seals = config_.sealing.new_rows == SealingConfig::NewRows::kSealed;
  if (!seals) {
    Log(LogLevel::kWarning, "sealing.off",
        {{LogField::kAdvice,
          "what callers said is stored as it is, for whoever can read the file"}});
  }
  SqliteLedger::Options options{.path = config_.ledger_path, .key_ring = key_ring_};
  options.checkpoints = config_.checkpoints;
  options.restored = config_.restored;
  options.sealing = {.new_rows = seals ? RowKeys::NewRows::kSealed : RowKeys::NewRows::kPlain,
                     .rotate_every = config_.sealing.rotate_every};
  options.attributes = IndexOfAttributes();
  ONETAKE_ASSIGN_OR_RETURN(ledger_, SqliteLedger::Open(std::move(options), clock_));
  if (key_ring_ != nullptr) ONETAKE_RETURN_IF_ERROR(ledger_->RewrapKeys().status());
  ONETAKE_ASSIGN_OR_RETURN(const int64_t marked, ledger_->MarkCrashed(clock_.Now()));
  Log(marked == 0 ? LogLevel::kInfo : LogLevel::kWarning, "ledger.opened",
      {{LogField::kPath, config_.ledger_path}, {LogField::kCount, marked}});
  return absl::OkStatus();
}

absl::Status App::Listen() {
  http_ = std::make_unique<HttpExecutor>(loop_, clock_, HttpClient::Options{});
  ONETAKE_ASSIGN_OR_RETURN(PluginLinks links,
                           StartPlugins(config_.plugins, loop_, clock_, random_,
                                        [this](const std::string& name, const auto& offers) {
                                          WarnOfDifferences(name, offers);
                                        }));
  plugins_ = std::make_unique<PluginExecutor>(loop_, clock_, std::move(links));
  mcp_ = std::make_unique<McpExecutor>(loop_, clock_,
                                       MakeMcpClients(config_.mcp_servers, loop_, clock_, random_));
  const std::optional<Restoration>& restored = ledger_->restoration();
  engine_ = std::make_unique<Engine>(
      Engine::Options{
          .tenant_key = std::move(intent_key_),
          .max_in_flight = config_.in_flight,
          .breaker = {},
          .retry_budget = {},
          .recovery_parallel = kRecoveryParallel,
          .unsure_until =
              restored.has_value() ? restored->at + kUnsureAfterRestore : absl::InfinitePast(),
          .unsure_since = restored.has_value() ? restored->lost_since : absl::InfinitePast()},
      clock_, loop_, random_, *ledger_,
      std::map<std::string, ToolExecutor*>{
          {"http", http_.get()}, {"plugin", plugins_.get()}, {"mcp", mcp_.get()}});
  sessions_ = std::make_unique<SessionHub>(
      SessionHub::Options{.tenant = config_.tenant, .tools = tools_}, *engine_, *ledger_, loop_);
  latencies_ =
      std::make_unique<LatencyKeeper>(engine_->latency(), tools_.Get(), *ledger_, clock_, loop_);
  latencies_->Restore();
  retention_ = std::make_unique<Retention>(config_.retention, *ledger_, clock_, loop_);
  loop_.Post([this] {
    engine_->SetTools(tools_.Get());
    latencies_->Start();
    engine_->Recover();
    retention_->Start();
  });
  runtime_service_ = std::make_unique<ToolRuntimeService>(
      ToolRuntimeService::Options{.tenant = config_.tenant, .tools = tools_}, *engine_, *sessions_,
      loop_, clock_);
  watches_ =
      std::make_unique<EventWatches>(EventWatches::Options{}, config_.tenant, *ledger_, loop_);
  ledger_service_ = std::make_unique<LedgerService>(
      config_.tenant, clock_, *ledger_,
      [this](Resolution resolution, auto done) {
        loop_.Post([this, resolution = std::move(resolution), done = std::move(done)]() mutable {
          engine_->Resolve(std::move(resolution), std::move(done));
        });
      },
      [this](auto done) {
        loop_.Post([this, done = std::move(done)]() mutable { done(latencies_->Report()); });
      },
      *ledger_, *watches_, loop_);
  upkeep_service_ =
      std::make_unique<UpkeepService>(config_.tenant, config_.retention, clock_, *ledger_);
  ONETAKE_ASSIGN_OR_RETURN(
      server_, GrpcServer::Start(config_.listen, {runtime_service_.get(), ledger_service_.get(),
                                                  upkeep_service_.get()}));
  reloader_ = std::make_unique<CatalogReloader>(
      CatalogReloader::Options{.folders = config_.tool_folders,
                               .watch = config_.watch_tools ? CatalogReloader::Watch::kOn
                                                            : CatalogReloader::Watch::kOff},
      [this] { return LoadCatalog(config_); }, tools_.Get(),
      [this](std::shared_ptr<const ToolSet> tools) { UseTools(std::move(tools)); }, clock_);
  if (!config_.metrics_listen.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(
        metrics_, MetricsServer::Start(config_.metrics_listen, *ledger_, *reloader_, clock_));
    Log(LogLevel::kInfo, "metrics.started", {{LogField::kAddress, metrics_->address()}});
  }
  // Nothing is sent before we know that we are the one who listens.
  loop_.Start();
  server_->SetServing();
  reloader_->Start();
  return absl::OkStatus();
}

void App::Reload() {
  reloader_->Reload();
  if (key_ring_ == nullptr) return;
  const absl::Status rotated = RotateMasterKeys(config_.sealing, *key_ring_, *ledger_);
  if (rotated.ok()) return;
  Log(LogLevel::kError, "sealing.rotation_failed",
      {{LogField::kError, std::string(rotated.message())},
       {LogField::kAdvice, "the earlier master keys stay in use"}});
}

// Waits for the loop, which never waits for the reloader.
void App::UseTools(std::shared_ptr<const ToolSet> tools) {
  absl::Notification used;
  loop_.Post([&] {
    tools_.Set(tools);
    engine_->SetTools(tools);
    latencies_->SetTools(tools);
    used.Notify();
  });
  used.WaitForNotification();
}

void App::WarnOfDifferences(const std::string& plugin, const PluginDescription& offers) {
  for (const std::string& difference : PluginDifferences(*tools_.Get(), plugin, offers)) {
    Log(LogLevel::kWarning, "plugin.differs",
        {{LogField::kTool, plugin}, {LogField::kError, difference}});
  }
}

void App::Stop() {
  const absl::Duration begun = clock_.Elapsed();
  server_->SetNotServing();
  reloader_->Stop();
  absl::Notification drained;
  loop_.Post([&] { engine_->Drain(config_.drain_grace, [&] { drained.Notify(); }); });
  drained.WaitForNotification();
  loop_.Post([this] {
    sessions_->EndAll();
    watches_->EndAll();
  });
  server_->Shutdown(kLastAnswers);
  // While their parent thread lives: they end in order, and are not killed.
  absl::Notification plugins_ended;
  loop_.Post([&] {
    plugins_->Stop();
    plugins_ended.Notify();
  });
  plugins_ended.WaitForNotification();
  loop_.Stop();
  latencies_->Save();
  metrics_.reset();
  watches_.reset();
  // Before the engine, which the ledger's last callbacks still name.
  ledger_.reset();
  Log(LogLevel::kInfo, "server.stopped", {{LogField::kDurationMs, Ms(clock_.Elapsed() - begun)}});
}

}  // namespace onetake
