#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "tools/native/native_library.h"
#include "tools/plugin/plugin_link.h"

namespace onetake {

// A native plugin in this process, called from threads of its own: at most `threads` calls at once.
// A call that nobody waits for any more keeps its thread until it returns; while such calls hold
// threads, as many others take their place, so that one that hangs does not hang the rest. When
// these are held up too, further calls are shed before they begin. Owned by the loop, except the
// destructor, which may also run once the loop has stopped.
class NativePlugin final : public PluginLink {
 public:
  // Errors as of NativeLibrary::Load.
  static absl::StatusOr<std::unique_ptr<NativePlugin>> Load(const std::string& path,
                                                            const std::string& sha256,
                                                            const std::string& settings_json,
                                                            int threads, Scheduler& loop,
                                                            const Clock& clock);
  // Waits a little for calls that still run, and leaves behind those that hang.
  ~NativePlugin() override;

  uint64_t Invoke(Call call, Progress progress, Done done) override;
  void Probe(Call call, ProbeDone done) override;
  const PluginDescription* description() const override;
  PluginResult::Delivery Cancel(uint64_t id) override;

 private:
  class Job;
  class Pool;
  NativePlugin(std::shared_ptr<Pool> pool, Scheduler& loop, const Clock& clock);
  void Keep(uint64_t id, const std::shared_ptr<Job>& job);

  const std::shared_ptr<Pool> pool_;  // its threads may outlive this
  Scheduler& loop_;
  const Clock& clock_;
  uint64_t next_ = 0;
  absl::flat_hash_map<uint64_t, std::weak_ptr<Job>> jobs_;
};

}  // namespace onetake
