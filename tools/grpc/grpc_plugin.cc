#include "tools/grpc/grpc_plugin.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "tools/grpc/grpc_channel.h"

namespace onetake {
namespace {

constexpr absl::Duration kHandshake = absl::Seconds(10);
constexpr absl::Duration kDescribe = absl::Seconds(5);
constexpr absl::Duration kReconnect = absl::Seconds(2);

}  // namespace

GrpcPlugin::GrpcPlugin(PluginSpec spec, EventLoop& loop, const Clock& clock, Random& random,
                       Ready on_ready)
    : spec_(std::move(spec)),
      loop_(loop),
      clock_(clock),
      random_(random),
      on_ready_(std::move(on_ready)),
      calls_(std::make_unique<GrpcCalls>(loop)) {}

absl::StatusOr<std::unique_ptr<GrpcPlugin>> GrpcPlugin::Make(PluginSpec spec, EventLoop& loop,
                                                             const Clock& clock, Random& random,
                                                             Ready on_ready) {
  auto plugin = std::unique_ptr<GrpcPlugin>(
      new GrpcPlugin(std::move(spec), loop, clock, random, std::move(on_ready)));
  if (absl::Status status = plugin->Prepare(); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("plugins.", plugin->spec_.name, ": ",
                                                    std::string(status.message())));
  }
  return plugin;
}

absl::Status GrpcPlugin::Prepare() {
  if (spec_.kind == PluginSpec::Kind::kAddress) {
    ONETAKE_ASSIGN_OR_RETURN(credentials_, PluginCredentials(spec_.tls));
    ONETAKE_ASSIGN_OR_RETURN(name_, PluginName::Of(spec_));
    if (name_.has_value()) {
      resolver_ = std::make_unique<SystemResolver>(loop_, clock_);
    } else {
      channel_ = PluginChannel(spec_.address, credentials_, ServerName());
    }
    return absl::OkStatus();
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "onetake-plugin-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat("no folder for its socket: ", pattern));
  }
  socket_folder_ = pattern;
  supervisor_ = std::make_unique<Supervisor>(
      loop_, clock_, random_,
      Supervisor::Options{.name = spec_.name,
                          .command = spec_.command,
                          .log_file = spec_.log_file,
                          .long_line = ChildProcess::Options::LongLine::kIsCut,
                          .environment = [this] { return ChildEnvironment(); },
                          .on_start = [this] { OnChildStart(); },
                          .on_line = [this](const std::string& line) { OnChildLine(line); },
                          .on_down = [this](const std::string&) { OnChildDown(); }});
  return absl::OkStatus();
}

GrpcPlugin::~GrpcPlugin() {
  lifetime_.End();
  loop_.Cancel(handshake_);
  loop_.Cancel(reconnect_);
  resolver_.reset();
  calls_.reset();
  supervisor_.reset();
  std::error_code ignored;
  if (!socket_folder_.empty()) std::filesystem::remove_all(socket_folder_, ignored);
}

void GrpcPlugin::Start() {
  if (supervisor_ != nullptr) return supervisor_->Start();
  Connect();
}

absl::StatusOr<std::vector<std::string>> GrpcPlugin::ChildEnvironment() const {
  const std::string socket = absl::StrCat(socket_folder_, "/plugin.sock");
  // Only gRPC's C core removes what an earlier run has left there. Others cannot listen.
  std::error_code ignored;
  std::filesystem::remove(socket, ignored);
  std::vector<std::string> environment = PlainEnvironment();
  environment.push_back("ONETAKE_PLUGIN=1");
  environment.push_back(absl::StrCat("ONETAKE_PLUGIN_SOCKET=", socket));
  for (const EnvironmentEntry& entry : spec_.environment) {
    if (!entry.secret.has_value()) {
      environment.push_back(absl::StrCat(entry.name, "=", entry.value));
      continue;
    }
    ONETAKE_ASSIGN_OR_RETURN(const Secret secret, ResolveSecret(*entry.secret));
    environment.push_back(absl::StrCat(entry.name, "=", secret.Reveal()));
  }
  return environment;
}

void GrpcPlugin::OnChildStart() {
  shook_hands_ = false;
  handshake_ = loop_.RunAfter(kHandshake, lifetime_.While([this] {
    GiveUp("it did not say where it listens within 10s");
  }));
}

void GrpcPlugin::OnChildLine(const std::string& line) {
  if (std::exchange(shook_hands_, true)) return;  // whatever else it prints
  loop_.Cancel(handshake_);
  const absl::StatusOr<std::string> address = ParseHandshake(line);
  if (!address.ok()) return GiveUp(address.status().message());
  channel_ = PluginChannel(*address, grpc::InsecureChannelCredentials(), "");
  Connect();
}

void GrpcPlugin::OnChildDown() {
  loop_.Cancel(handshake_);
  loop_.Cancel(reconnect_);
  description_.reset();
  stub_.reset();
  channel_.reset();
}

void GrpcPlugin::GiveUp(absl::string_view why) {
  Log(LogLevel::kError, "plugin.refused",
      {{LogField::kTool, spec_.name}, {LogField::kError, std::string(why)}});
  description_.reset();
  ++failed_;
  if (supervisor_ != nullptr) return supervisor_->Restart();
  reconnect_ = loop_.RunAfter(kReconnect, lifetime_.While([this] { Connect(); }));
}

void GrpcPlugin::Connect() {
  if (!name_.has_value()) return Describe();
  resolver_->Resolve(name_->host(),
                     [this](const HostResolver::Addresses& found) { OnResolved(found); });
}

// Connects to each of two families in turn: this machine may have a way to one of them only.
void GrpcPlugin::OnResolved(const HostResolver::Addresses& addresses) {
  if (!addresses.ok()) return GiveUp(addresses.status().message());
  const absl::StatusOr<std::vector<std::string>> targets = name_->Targets(*addresses);
  if (!targets.ok()) return GiveUp(targets.status().message());
  channel_ = PluginChannel((*targets)[failed_ % targets->size()], credentials_, ServerName());
  Describe();
}

std::string GrpcPlugin::ServerName() const {
  if (!spec_.tls.has_value()) return "";
  if (!spec_.tls->server_name.empty() || !name_.has_value()) return spec_.tls->server_name;
  return name_->host();
}

void GrpcPlugin::Describe() {
  stub_ = v1::ToolPlugin::NewStub(channel_);
  calls_->Describe(*stub_, kDescribe,
                   [this, channel = channel_](absl::StatusOr<PluginDescription> described) {
                     if (channel == channel_) OnDescribed(std::move(described));
                   });
}

void GrpcPlugin::OnDescribed(absl::StatusOr<PluginDescription> described) {
  if (!described.ok()) {
    return GiveUp(
        absl::StrCat("it does not describe itself: ", std::string(described.status().message())));
  }
  description_ = *std::move(described);
  if (on_ready_) on_ready_(*description_);
  Log(LogLevel::kInfo, "plugin.ready",
      {{LogField::kTool, spec_.name},
       {LogField::kVersion, description_->version},
       {LogField::kCount, static_cast<int64_t>(description_->tools.size())}});
}

std::string GrpcPlugin::WhyNot(absl::string_view tool) {
  if (!description_.has_value()) return "the plugin is not running";
  if (channel_->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY) {
    // The next peer may offer something else.
    description_.reset();
    Connect();
    return "the plugin is not connected";
  }
  if (!description_->Offers(tool)) return absl::StrCat("the plugin does not offer ", tool);
  return "";
}

uint64_t GrpcPlugin::Invoke(Call call, Progress progress, Done done) {
  std::string why = WhyNot(call.tool);
  if (why.empty()) return calls_->Invoke(*stub_, call, std::move(progress), std::move(done));
  PluginResult result{.outcome = PluginResult::Outcome::kNoEffect,
                      .delivery = PluginResult::Delivery::kNeverDelivered,
                      .error = std::move(why)};
  loop_.Post(lifetime_.While(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); }));
  return 0;
}

void GrpcPlugin::Probe(Call call, ProbeDone done) {
  std::string why = WhyNot(call.tool);
  if (why.empty()) return calls_->Probe(*stub_, call, std::move(done));
  loop_.Post(lifetime_.While([done = std::move(done), why = std::move(why)]() mutable {
    done({.error = std::move(why)});
  }));
}

const PluginDescription* GrpcPlugin::description() const {
  return description_.has_value() ? &*description_ : nullptr;
}

PluginResult::Delivery GrpcPlugin::Cancel(uint64_t id) {
  calls_->Cancel(id);
  return PluginResult::Delivery::kSeen;
}

}  // namespace onetake
