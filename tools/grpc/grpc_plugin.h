#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/lifetime.h"
#include "tools/child/supervisor.h"
#include "tools/grpc/grpc_calls.h"
#include "tools/grpc/plugin_name.h"
#include "tools/http/host_resolver.h"
#include "tools/plugin/plugin_link.h"
#include "tools/plugin/plugin_spec.h"

namespace onetake {

// A plugin that is a gRPC server: a program that we keep running, or somebody else's. It is called
// only while it is connected and has described itself; before that a call is surely not delivered.
// A host name is looked up anew, and what it leads to checked, whenever the connection was lost.
// Owned by the loop, except the destructor, which may also run once the loop has stopped.
class GrpcPlugin final : public PluginLink {
 public:
  // Told what the plugin offers, on the loop, whenever it has become ready to be called.
  using Ready = std::function<void(const PluginDescription&)>;
  // For kCommand and kAddress. INVALID_ARGUMENT as PluginName::Of(), FAILED_PRECONDITION when a
  // file of `tls` cannot be read or is no PEM, UNAVAILABLE when there is no room for a child's
  // socket. Nothing runs before Start().
  static absl::StatusOr<std::unique_ptr<GrpcPlugin>> Make(PluginSpec spec, EventLoop& loop,
                                                          const Clock& clock, Random& random,
                                                          Ready on_ready);
  ~GrpcPlugin() override;

  void Start();
  uint64_t Invoke(Call call, Progress progress, Done done) override;
  void Probe(Call call, ProbeDone done) override;
  const PluginDescription* description() const override;
  PluginResult::Delivery Cancel(uint64_t id) override;

 private:
  GrpcPlugin(PluginSpec spec, EventLoop& loop, const Clock& clock, Random& random, Ready on_ready);
  absl::Status Prepare();
  // The name that its certificate must have; empty: gRPC takes it from the address, or there is
  // none.
  std::string ServerName() const;

  absl::StatusOr<std::vector<std::string>> ChildEnvironment() const;
  void OnChildStart();
  void OnChildLine(const std::string& line);
  void OnChildDown();
  // Ends this run of the plugin, which is of no use.
  void GiveUp(absl::string_view why);

  void Connect();
  void OnResolved(const HostResolver::Addresses& addresses);
  void Describe();
  void OnDescribed(absl::StatusOr<PluginDescription> described);
  // Why a call would not reach it; empty when it would, as far as is known. Connects again when the
  // connection was lost.
  std::string WhyNot(absl::string_view tool);

  const PluginSpec spec_;
  EventLoop& loop_;
  const Clock& clock_;
  Random& random_;
  const Ready on_ready_;
  std::string socket_folder_;  // kCommand: private, removed at the end
  std::unique_ptr<Supervisor> supervisor_;
  Scheduler::TimerId handshake_ = Scheduler::TimerId::kNone;
  bool shook_hands_ = false;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::optional<PluginName> name_;  // kAddress, when there is one to be looked up; with:
  std::unique_ptr<HostResolver> resolver_;
  size_t failed_ = 0;  // how many connections came to nothing
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ToolPlugin::Stub> stub_;
  std::unique_ptr<GrpcCalls> calls_;
  std::optional<PluginDescription> description_;
  Scheduler::TimerId reconnect_ = Scheduler::TimerId::kNone;
  Lifetime lifetime_;
};

}  // namespace onetake
