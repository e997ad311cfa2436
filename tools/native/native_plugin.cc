#include "tools/native/native_plugin.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "tools/native/worker_pool.h"

namespace onetake {
namespace {

constexpr int kQueuedPerThread = 16;
constexpr absl::Duration kLastGrace = absl::Seconds(2);
constexpr absl::Duration kProgressPause = absl::Milliseconds(50);

}  // namespace

// The state that the threads need for as long as one of them runs: the plugin itself too.
class NativePlugin::Pool {
 public:
  Pool(std::unique_ptr<NativeLibrary> library, int threads)
      : library(std::move(library)),
        workers(WorkerPool::Make(
            {.threads = threads, .queued = static_cast<size_t>(threads * kQueuedPerThread)})) {}

  const std::unique_ptr<NativeLibrary> library;
  const std::shared_ptr<WorkerPool> workers;
};

// One call, from the loop to a thread and back. The link it came from may be gone when it ends. So
// the caller's callbacks are held here, and let go of in the loop, not where the last thread ends.
class NativePlugin::Job final : public CallHost {
 public:
  // One of `done` and `probed` is null.
  Job(Call call, PluginLink::Progress tell, Done done, ProbeDone probed, Scheduler& loop,
      const Clock& clock)
      : call_(std::move(call)),
        loop_(loop),
        clock_(clock),
        began_(clock.Elapsed()),
        listeners_{std::move(tell), std::move(done), std::move(probed)} {}

  bool IsCancelled() override { return cancelled_.load() || TimeLeft() <= absl::ZeroDuration(); }
  absl::Duration TimeLeft() override {
    absl::MutexLock lock(&mutex_);
    // The clock may be gone too.
    return silent_ ? absl::ZeroDuration() : call_.timeout - (clock_.Elapsed() - began_);
  }
  // Tells progress no more often than anybody can hear.
  void Progress(AttemptProgress progress) override {
    absl::MutexLock lock(&mutex_);
    if (silent_ || cancelled_ || !listeners_.tell) return;  // silent: the clock may be gone
    const absl::Duration now = clock_.Elapsed();
    if (told_ && now - last_told_ < kProgressPause) return;
    told_ = true;
    last_told_ = now;
    loop_.Post([tell = listeners_.tell, progress = std::move(progress)] { tell(progress); });
  }

  enum class State { kWaiting, kRunning, kAbandoned, kOver };
  // Begins the call. False: nobody waits any more, and it is not begun.
  bool Begin() {
    State waiting = State::kWaiting;
    return state_.compare_exchange_strong(waiting, State::kRunning);
  }
  void End(WorkerPool& workers) {
    if (state_.exchange(State::kOver) == State::kAbandoned) workers.Ended();
  }
  PluginResult::Delivery Cancel(WorkerPool& workers) {
    cancelled_ = true;
    State state = State::kWaiting;
    if (state_.compare_exchange_strong(state, State::kOver)) {
      return PluginResult::Delivery::kNeverDelivered;
    }
    state = State::kRunning;
    workers.Abandon();
    if (state_.compare_exchange_strong(state, State::kAbandoned)) {
      return PluginResult::Delivery::kStillRuns;
    }
    workers.Ended();
    return PluginResult::Delivery::kSeen;
  }
  // The link is gone: the loop may be, too.
  void Silence() {
    cancelled_ = true;
    Listeners let_go;
    absl::MutexLock lock(&mutex_);
    silent_ = true;
    std::swap(let_go, listeners_);
  }
  // Posts the result to the loop, unless the link is gone. Once.
  void Tell(PluginResult result) {
    absl::MutexLock lock(&mutex_);
    if (silent_) return;
    loop_.Post([heard = std::move(listeners_), result = std::move(result)]() mutable {
      heard.done(std::move(result));
    });
  }
  void Tell(ProbeReport report) {
    absl::MutexLock lock(&mutex_);
    if (silent_) return;
    loop_.Post([heard = std::move(listeners_), report = std::move(report)]() mutable {
      heard.probed(std::move(report));
    });
  }
  const Call& call() const { return call_; }

 private:
  struct Listeners {
    PluginLink::Progress tell;
    Done done;
    ProbeDone probed;
  };
  const Call call_;
  Scheduler& loop_;
  const Clock& clock_;
  const absl::Duration began_;
  std::atomic<bool> cancelled_{false};
  std::atomic<State> state_{State::kWaiting};
  absl::Mutex mutex_;
  Listeners listeners_ ABSL_GUARDED_BY(mutex_);
  bool silent_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration last_told_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

absl::StatusOr<std::unique_ptr<NativePlugin>> NativePlugin::Load(const std::string& path,
                                                                 const std::string& sha256,
                                                                 const std::string& settings_json,
                                                                 int threads, Scheduler& loop,
                                                                 const Clock& clock) {
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<NativeLibrary> library,
                           NativeLibrary::Load(path, sha256, settings_json));
  auto pool = std::make_shared<Pool>(std::move(library), threads);
  return std::unique_ptr<NativePlugin>(new NativePlugin(std::move(pool), loop, clock));
}

NativePlugin::NativePlugin(std::shared_ptr<Pool> pool, Scheduler& loop, const Clock& clock)
    : pool_(std::move(pool)), loop_(loop), clock_(clock) {}

NativePlugin::~NativePlugin() {
  for (const auto& [id, weak] : jobs_) {
    if (const std::shared_ptr<Job> job = weak.lock()) job->Silence();
  }
  if (!pool_->workers->Stop(kLastGrace)) {
    Log(LogLevel::kError, "plugin.hangs", {{LogField::kTool, pool_->library->description().name}});
  }
}

const PluginDescription* NativePlugin::description() const {
  return &pool_->library->description();
}

uint64_t NativePlugin::Invoke(Call call, Progress progress, Done done) {
  const uint64_t id = ++next_;
  const bool offered = description()->Offers(call.tool);
  auto job = std::make_shared<Job>(std::move(call), std::move(progress), std::move(done), nullptr,
                                   loop_, clock_);
  WorkerPool::Taken taken = WorkerPool::Taken::kYes;
  if (offered) {
    taken = pool_->workers->Submit([pool = pool_, job] {
      if (!job->Begin()) return;
      PluginResult result = pool->library->Invoke(job->call(), *job);
      job->End(*pool->workers);
      job->Tell(std::move(result));
    });
  }
  if (offered && taken == WorkerPool::Taken::kYes) {
    Keep(id, job);
    return id;
  }
  PluginResult refused{.outcome = PluginResult::Outcome::kNoEffect,
                       .delivery = PluginResult::Delivery::kNeverDelivered};
  if (!offered) {
    refused.error = absl::StrCat("the plugin does not offer ", job->call().tool);
  } else {
    refused.error = taken == WorkerPool::Taken::kFull ? "the plugin has too many calls"
                                                      : "all threads of the plugin hang";
  }
  job->Tell(std::move(refused));
  return id;
}

void NativePlugin::Probe(Call call, ProbeDone done) {
  auto job =
      std::make_shared<Job>(std::move(call), nullptr, nullptr, std::move(done), loop_, clock_);
  const WorkerPool::Taken taken = pool_->workers->Submit([pool = pool_, job] {
    if (!job->Begin()) return;
    ProbeReport report = pool->library->Probe(job->call(), *job);
    job->End(*pool->workers);
    job->Tell(std::move(report));
  });
  if (taken != WorkerPool::Taken::kYes) {
    return job->Tell(ProbeReport{.error = "the plugin takes no calls now"});
  }
  Keep(++next_, job);
  // Nobody cancels a probe: one that hangs must not keep its thread from the others.
  loop_.RunAfter(job->call().timeout,
                 [late = std::weak_ptr<Job>(job), pool = std::weak_ptr<Pool>(pool_)] {
                   const std::shared_ptr<Job> running = late.lock();
                   const std::shared_ptr<Pool> held = pool.lock();
                   if (running != nullptr && held != nullptr) running->Cancel(*held->workers);
                 });
}

// Keeps cancelled calls, too: they may run on.
void NativePlugin::Keep(uint64_t id, const std::shared_ptr<Job>& job) {
  absl::erase_if(jobs_, [](const auto& entry) { return entry.second.expired(); });
  jobs_.emplace(id, job);
}

PluginResult::Delivery NativePlugin::Cancel(uint64_t id) {
  const auto found = jobs_.find(id);
  const std::shared_ptr<Job> job = found == jobs_.end() ? nullptr : found->second.lock();
  return job == nullptr ? PluginResult::Delivery::kSeen : job->Cancel(*pool_->workers);
}

}  // namespace onetake
