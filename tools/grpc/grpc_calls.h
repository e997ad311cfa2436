#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "onetake/v1/plugin.grpc.pb.h"
#include "runtime/base/clock.h"
#include "runtime/base/lifetime.h"
#include "tools/plugin/plugin_link.h"

namespace onetake {

// The calls in flight to one plugin's server. Answers are posted to the loop. Owned by the loop;
// gRPC's threads only post.
class GrpcCalls {
 public:
  explicit GrpcCalls(Scheduler& loop) : loop_(loop) {}
  // Cancels what is in flight and waits until gRPC has let go of it; nothing is called any more.
  ~GrpcCalls();
  GrpcCalls(const GrpcCalls&) = delete;
  GrpcCalls& operator=(const GrpcCalls&) = delete;

  using Stub = v1::ToolPlugin::Stub;
  using Described = absl::AnyInvocable<void(absl::StatusOr<PluginDescription>)>;
  // Asks the plugin what it offers; waits for the connection.
  void Describe(Stub& stub, absl::Duration timeout, Described done);
  uint64_t Invoke(Stub& stub, const PluginLink::Call& call, PluginLink::Progress progress,
                  PluginLink::Done done);
  void Probe(Stub& stub, const PluginLink::Call& call, PluginLink::ProbeDone done);
  void Cancel(uint64_t id);

 private:
  // What gRPC's threads may touch; outlives this.
  struct Shared {
    absl::Mutex mutex;
    absl::flat_hash_map<uint64_t, grpc::ClientContext*> contexts ABSL_GUARDED_BY(mutex);
    bool gone ABSL_GUARDED_BY(mutex) = false;
    bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return contexts.empty(); }
  };
  class InvokeReader;

  uint64_t Enter(grpc::ClientContext& context);
  static void Leave(const std::shared_ptr<Shared>& shared, uint64_t id);

  Scheduler& loop_;
  uint64_t next_ = 0;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  Lifetime lifetime_;
};

// Returns what a plugin's answer to Invoke means: `result` is nullptr when none came, `status` is
// how the stream ended. A result counts even if the stream broke behind it. Pure.
PluginResult ResultOf(const v1::InvokeResult* result, const grpc::Status& status);

}  // namespace onetake
