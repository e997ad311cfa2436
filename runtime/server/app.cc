#include "runtime/server/app.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/config/config_changes.h"
#include "runtime/intent/key.h"
#include "runtime/server/configured_catalog.h"
#include "runtime/server/master_keys.h"
#include "runtime/server/plugin_differences.h"
#include "runtime/server/plugin_links.h"
#include "runtime/server/service_manager.h"
#include "runtime/server/socket_group.h"

namespace onetake {
namespace {

// Recovered intents settled at a time, per downstream: a restart must not look like an attack.
constexpr int kRecoveryParallel = 8;
// Sessions of the lost time, and what agents remember of them, are over then.
constexpr absl::Duration kUnsureAfterRestore = absl::Hours(24);
// CallLimits bounds calls before; this is what the engine holds whatever is configured.
constexpr size_t kEngineCalls = 200'000;
constexpr absl::Duration kCutOffEvery = absl::Seconds(5);
// A look at the tokens and this are the two seconds in which a revocation is noticed.
constexpr absl::Duration kCheckCredentials = absl::Milliseconds(500);
constexpr absl::Duration kLookIsLate = absl::Seconds(10);
// For the answers of calls that the drain has ended to leave the process.
constexpr absl::Duration kLastAnswers = absl::Seconds(1);

int64_t Ms(absl::Duration duration) { return absl::ToInt64Milliseconds(duration); }

// When the copy was made that the ledger goes on from, by the clock of now; the infinite past: it
// was not restored. A clock that was set back since makes no new yes an old one; and one that was
// behind when the copy was accepted does not make that longer ago than what the copy holds.
absl::Time RestoredAt(const std::optional<Restoration>& restored, absl::Time now) {
  if (!restored.has_value()) return absl::InfinitePast();
  return std::min(std::max(restored->at, restored->lost_since), now);
}

}  // namespace

App::App(std::string config_file, ServerConfig config, Keys keys,
         std::shared_ptr<const ToolSet> tools)
    : config_file_(std::move(config_file)),
      config_(std::move(config)),
      intent_key_(std::move(keys.intent)),
      access_(config_.access, clock_),
      tools_(std::move(tools)),
      limits_(config_.limits.calls, clock_),
      streams_(config_.limits.streams),
      unread_({}, clock_),
      gate_(access_, unread_, [this](const absl::Status& refused) { refusals_.Count(refused); }),
      tokens_({.path = config_.access.token_file}, access_, token_disk_) {
  if (!keys.masters.empty()) key_ring_ = std::make_shared<KeyRing>(std::move(keys.masters));
}

App::~App() {
  if (reloader_ != nullptr) reloader_->Stop();
  // Loops that still run would use what is destroyed before them.
  token_disk_.Stop();
  disk_.Stop();
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

absl::Status App::CheckAccess() {
  if (config_.access.mode == AccessRules::Mode::kOpen) {
    Log(LogLevel::kWarning, "access.open",
        {{LogField::kAdvice, "whoever reaches the listener may do everything"}});
  }
  if (config_.tls.on()) {
    ONETAKE_ASSIGN_OR_RETURN(tls_, TlsFiles::Open(config_.tls));
    TellExpiredCertificate();
  }
  return tokens_.Load();
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
  options.intent_key_check = KeyCheck(intent_key_);
  ONETAKE_ASSIGN_OR_RETURN(ledger_, SqliteLedger::Open(std::move(options), clock_));
  if (key_ring_ != nullptr) {
    ONETAKE_RETURN_IF_ERROR(RewrapAtStart(config_.sealing, *key_ring_, *ledger_));
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t marked, ledger_->MarkCrashed(clock_.Now()));
  const absl::Time unsure_until =
      RestoredAt(ledger_->restoration(), clock_.Now()) + kUnsureAfterRestore;
  if (clock_.Now() < unsure_until) {
    Log(LogLevel::kWarning, "ledger.restored",
        {{LogField::kPath, config_.ledger_path},
         {LogField::kAdvice,
          absl::StrCat(
              "it goes on from an older copy: until ",
              absl::FormatTime(absl::RFC3339_sec, unsure_until, absl::UTCTimeZone()),
              " new writes are confirmed by the user first, unless they are NATURAL and have no"
              " guarded arguments")}});
  }
  Log(marked == 0 ? LogLevel::kInfo : LogLevel::kWarning, "ledger.opened",
      {{LogField::kPath, config_.ledger_path}, {LogField::kCount, marked}});
  return absl::OkStatus();
}

std::vector<MetricSource> App::MetricSources() {
  return {engine_metrics_->registry(), LedgerFigures(*ledger_, config_.ledger_path, clock_),
          ReloadFigures(*reloader_, refused_reloads_),
          EdgeFigures(*acceptor_, refusals_, limits_, streams_, unread_),
          LoopSource([this](auto done) {
            loop_.Post([this, done = std::move(done)]() mutable {
              done({.certificate_expiry =
                        tls_ == nullptr ? std::nullopt : std::make_optional(tls_->expiry()),
                    .in_flight = engine_->in_flight(),
                    .sessions = sessions_->count(),
                    .breakers = engine_->Breakers(),
                    .measured = latencies_->Report()});
            });
          })};
}

// Makes the parts in the order in which one needs the other.
absl::Status App::Listen() {
  if (!config_.metrics_listen.empty()) engine_metrics_ = std::make_unique<EngineMetrics>();
  MakeEngine();
  MakeServices();
  loop_.Post([this] { BeginOnLoop(); });
  tokens_.Start();
  if (tls_ != nullptr) disk_.Post([this] { RefreshTls(); });
  ONETAKE_ASSIGN_OR_RETURN(acceptor_,
                           Acceptor::Listen(config_.listen, config_.limits.connections, clock_));
  if (!config_.metrics_listen.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(metrics_,
                             MetricsServer::Start(config_.metrics_listen, MetricSources()));
    Log(LogLevel::kInfo, "metrics.started", {{LogField::kAddress, metrics_->address()}});
  }
  // Last of what may fail: a call that had come in would wait for a loop that never starts, and
  // gRPC for that call.
  ONETAKE_ASSIGN_OR_RETURN(
      server_,
      GrpcServer::Start(*acceptor_, tls_ == nullptr ? TlsConfig{} : tls_->in_use(),
                        config_.reflection == ServerConfig::Reflection::kOn
                            ? GrpcServer::Reflection::kOn
                            : GrpcServer::Reflection::kOff,
                        {runtime_service_.get(), ledger_service_.get(), upkeep_service_.get()}));
  // Nothing is sent before we know that we are the one who listens.
  loop_.Start();
  disk_.Start();
  token_disk_.Start();
  server_->SetServing();
  reloader_->Start();
  return absl::OkStatus();
}

absl::Status App::StartTools() {
  // A request that waited for a connection would spend its time on that.
  HttpClient::Options http;
  const auto most = static_cast<long>(config_.limits.downstream_in_flight);
  http.max_connections_per_host = std::max(http.max_connections_per_host, most);
  http.max_connections = std::max(http.max_connections, http.max_connections_per_host);
  http_ = std::make_unique<HttpExecutor>(loop_, clock_, http);
  ONETAKE_ASSIGN_OR_RETURN(PluginLinks links,
                           StartPlugins(config_.plugins, loop_, clock_, random_,
                                        [this](const std::string& name, const auto& offers) {
                                          WarnOfDifferences(name, offers);
                                        }));
  plugins_ = std::make_unique<PluginExecutor>(loop_, clock_, std::move(links));
  mcp_ = std::make_unique<McpExecutor>(
      loop_, clock_, MakeMcpClients(config_.mcp_servers, loop_, clock_, random_, std::move(http)));
  return absl::OkStatus();
}

void App::MakeEngine() {
  const absl::Time restored_at = RestoredAt(ledger_->restoration(), clock_.Now());
  engine_ = std::make_unique<Engine>(
      Engine::Options{.tenant_key = std::move(intent_key_),
                      .max_in_flight = kEngineCalls,
                      .breaker = {},
                      .retry_budget = {},
                      .downstream_in_flight = config_.limits.downstream_in_flight,
                      .recovery_parallel = kRecoveryParallel,
                      .unsure_until = restored_at + kUnsureAfterRestore,
                      .restored_at = restored_at,
                      .observer = engine_metrics_.get()},
      clock_, loop_, random_, *ledger_,
      std::map<std::string, ToolExecutor*>{
          {"http", http_.get()}, {"plugin", plugins_.get()}, {"mcp", mcp_.get()}});
  sessions_ = std::make_unique<SessionHub>(
      SessionHub::Options{
          .tools = tools_, .limits = limits_, .streams = streams_, .unread = unread_},
      *engine_, *ledger_, loop_);
  latencies_ =
      std::make_unique<LatencyKeeper>(engine_->latency(), tools_.Get(), *ledger_, clock_, loop_);
  latencies_->Restore();
  retention_ =
      std::make_unique<Retention>(config_.retention, ledger_->age_clock(), *ledger_, clock_, loop_);
}

void App::MakeServices() {
  runtime_service_ = std::make_unique<ToolRuntimeService>(
      ToolRuntimeService::Options{.gate = gate_, .limits = limits_, .tools = tools_}, *engine_,
      *sessions_, loop_, clock_);
  watches_ = std::make_unique<EventWatches>(EventWatches::Options{}, streams_, *ledger_, loop_);
  LedgerService::Resolve resolve = [this](Resolution resolution, auto done) {
    loop_.Post([this, resolution = std::move(resolution), done = std::move(done)]() mutable {
      engine_->Resolve(std::move(resolution), std::move(done));
    });
  };
  LedgerService::Latencies latencies = [this](auto done) {
    loop_.Post([this, done = std::move(done)]() mutable { done(latencies_->Report()); });
  };
  ledger_service_ =
      std::make_unique<LedgerService>(gate_,
                                      LedgerService::Sources{.queries = *ledger_,
                                                             .upkeep = *ledger_,
                                                             .chain = *ledger_,
                                                             .resolve = std::move(resolve),
                                                             .latencies = std::move(latencies),
                                                             .watches = *watches_},
                                      clock_, loop_);
  upkeep_service_ = std::make_unique<UpkeepService>(gate_, config_.retention, clock_, *ledger_);
  reloader_ = std::make_unique<CatalogReloader>(
      CatalogReloader::Options{.folders = config_.tool_folders,
                               .watch = config_.watch_tools ? CatalogReloader::Watch::kOn
                                                            : CatalogReloader::Watch::kOff},
      [this] { return LoadCatalog(config_); }, tools_.Get(),
      [this](std::shared_ptr<const ToolSet> tools) { UseTools(std::move(tools)); }, clock_);
}

void App::BeginOnLoop() {
  engine_->SetTools(tools_.Get());
  latencies_->Start();
  // From the loop, as nothing is answered while that hangs. At half the time, as sd_notify(3)
  // asks.
  if (const auto patience = ServiceManagerPatience()) SayAlive(*patience / 2);
  engine_->Recover();
  retention_->Start();
  CutOffSlowReaders();
  looked_at_ = clock_.Elapsed();
  CheckCredentials();
}

absl::Status App::ShareListener() {
  if (config_.listen_group.empty()) return absl::OkStatus();
  return ShareSocket(std::string(absl::StripPrefix(config_.listen, "unix:")), config_.listen_group);
}

// Ends the streams of callers who may no longer be there: a token or a certificate's name may end
// by itself, by the file of tokens and by a reload.
void App::CheckCredentials() {
  sessions_->CheckCallers();
  watches_->CheckWatchers();
  if (!config_.access.token_file.empty()) TellLateLooks();
  loop_.RunAfter(kCheckCredentials, [this] { CheckCredentials(); });
}

void App::TellLateLooks() {
  const int64_t looks = tokens_.looks();
  if (looks_ != looks) {
    looks_ = looks;
    looked_at_ = clock_.Elapsed();
    told_late_ = false;
  }
  if (clock_.Elapsed() - looked_at_ < kLookIsLate || std::exchange(told_late_, true)) return;
  Log(LogLevel::kError, "access.tokens_not_read",
      {{LogField::kPath, config_.access.token_file},
       {LogField::kAdvice, "its disk does not answer: tokens that are revoked now still hold"}});
}

void App::CutOffSlowReaders() {
  unread_.CutOff();
  loop_.RunAfter(kCutOffEvery, [this] { CutOffSlowReaders(); });
}

void App::SayAlive(absl::Duration every) {
  TellServiceManager("WATCHDOG=1");
  loop_.RunAfter(every, [this, every] { SayAlive(every); });
}

// Tells it of each certificate once.
void App::TellExpiredCertificate() {
  const absl::Time expiry = tls_->expiry();
  if (expiry > clock_.Now() || std::exchange(told_expired_, expiry) == expiry) return;
  Log(LogLevel::kError, "tls.certificate_expired",
      {{LogField::kPath, config_.tls.certificate_file},
       {LogField::kAdvice, "put a new one in its place: clients will refuse this one"}});
}

// A file that is wrong is told once, not every time it is looked at.
void App::RefreshTls() {
  const absl::Status status = tls_->Refresh(clock_.Now());
  if (!status.ok() && status.message() != tls_error_) {
    Log(LogLevel::kError, "tls.refused",
        {{LogField::kError, std::string(status.message())},
         {LogField::kAdvice, "the certificate that was used before stays in use"}});
  }
  tls_error_ = std::string(status.message());
  TellExpiredCertificate();
  disk_.RunAfter(kTlsRefresh, [this] { RefreshTls(); });
}

void App::Reload() {
  const absl::StatusOr<ServerConfig> fresh = LoadConfig(config_file_);
  if (!fresh.ok()) {
    ++refused_reloads_;
    return Log(LogLevel::kError, "config.refused",
               {{LogField::kError, std::string(fresh.status().message())},
                {LogField::kAdvice, "configuration, master keys and manifests stay as they were"}});
  }
  // Before the rest, which cannot fail.
  if (key_ring_ != nullptr) {
    const absl::Status rotated =
        RotateMasterKeys(fresh->sealing, *key_ring_, *ledger_, RestOfKeyFile);
    if (!rotated.ok()) {
      ++refused_reloads_;
      return Log(
          LogLevel::kError, "sealing.rotation_failed",
          {{LogField::kError, std::string(rotated.message())},
           {LogField::kAdvice, "master keys, configuration and manifests stay as they were"}});
    }
  }
  SetLogLevel(fresh->log_level);
  limits_.SetOptions(fresh->limits.calls);
  streams_.SetOptions(fresh->limits.streams);
  acceptor_->SetMost(fresh->limits.connections);
  if (auto rules = LiveAccess(config_.access, fresh->access)) access_.SetRules(*std::move(rules));
  const std::string kept = absl::StrJoin(NeedRestart(config_, *fresh), ", ");
  Log(kept.empty() ? LogLevel::kInfo : LogLevel::kWarning, "config.reloaded",
      {{LogField::kAdvice,
        kept.empty() ? "" : absl::StrCat("takes effect at the next start: ", kept)}});
  reloader_->Reload();
}

// Waits for the loop, which never waits for the reloader.
void App::UseTools(std::shared_ptr<const ToolSet> tools) {
  absl::Notification used;
  loop_.Post([&] {
    tools_.Set(tools);
    engine_->SetTools(tools);
    latencies_->SetTools(tools);
    for (const PluginSpec& plugin : config_.plugins) {
      const PluginLink* link = plugins_->LinkOf(plugin.name);
      const PluginDescription* offers = link == nullptr ? nullptr : link->description();
      if (offers != nullptr) WarnOfDifferences(plugin.name, *offers);
    }
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
  absl::Notification drained;
  loop_.Post([&] { engine_->Drain(config_.drain_grace, [&] { drained.Notify(); }); });
  server_->SetNotServing();  // whoever sees that finds calls refused
  // Beside the drain, as its server looks every 2 s whether to end; and while the loop still
  // answers a scrape that is under way.
  std::thread metrics_end([this] { metrics_.reset(); });
  reloader_->Stop();
  drained.WaitForNotification();
  loop_.Post([this] {
    sessions_->EndAll();
    watches_->EndAll();
  });
  ledger_->RefuseQuestions();
  server_->Shutdown(kLastAnswers);
  // While their parent thread lives: they end in order, and are not killed.
  absl::Notification children_ended;
  loop_.Post([&] {
    plugins_->Stop();
    mcp_->Stop();
    children_ended.Notify();
  });
  children_ended.WaitForNotification();
  metrics_end.join();
  loop_.Stop();
  latencies_->Save();
  watches_.reset();
  // Before the engine, which the ledger's last callbacks still name.
  ledger_.reset();
  // Last, as it waits for a disk that hangs.
  token_disk_.Stop();
  disk_.Stop();
  Log(LogLevel::kInfo, "server.stopped", {{LogField::kDurationMs, Ms(clock_.Elapsed() - begun)}});
}

}  // namespace onetake
