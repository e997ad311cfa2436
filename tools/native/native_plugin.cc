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

// What the threads need, for as long as one of them runs: the plugin itself too.
class NativePlugin::Pool {
 public:
  Pool(std::unique_ptr<NativeLibrary> library, int threads)
      : library(std::move(library)),
        workers(WorkerPool::Make(
            {.threads = threads, .queued = static_cast<size_t>(threads * kQueuedPerThread)})) {}

  const std::unique_ptr<NativeLibrary> library;
  const std::shared_ptr<WorkerPool> workers;
};

// One call, from the loop to a thread and back. The link it came from may be gone when it ends.
class NativePlugin::Job final : public CallHost {
 public:
  Job(Call call, Scheduler& loop, const Clock& clock)
      : call_(std::move(call)), loop_(loop), clock_(clock), began_(clock.Elapsed()) {}

  bool IsCancelled() override { return cancelled_.load() || TimeLeft() <= absl::ZeroDuration(); }
  absl::Duration TimeLeft() override {
    absl::MutexLock lock(&mutex_);
    // The clock may be gone too.
    return silent_ ? absl::ZeroDuration() : call_.timeout - (clock_.Elapsed() - began_);
  }
  // Not more often than anybody can hear.
  void Progress(AttemptProgress progress) override {
    absl::MutexLock lock(&mutex_);
    if (silent_ || cancelled_ || !tell_) return;  // silent: the clock may be gone
    const absl::Duration now = clock_.Elapsed();
    if (told_ && now - last_told_ < kProgressPause) return;
    told_ = true;
    last_told_ = now;
    loop_.Post([tell = tell_, progress = std::move(progress)] { tell(progress); });
  }
  void set_progress(PluginLink::Progress tell) { tell_ = std::move(tell); }

  // Runs on a thread of the pool; `answer` posts to the loop, unless the link is gone.
  enum class State { kWaiting, kRunning, kAbandoned, kOver };
  // False: nobody waits any more, and it is not begun.
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
    if (!state_.compare_exchange_strong(state, State::kAbandoned)) workers.Ended();
    return PluginResult::Delivery::kSeen;
  }
  // The link is gone: the loop may be, too.
  void Silence() {
    cancelled_ = true;
    absl::MutexLock lock(&mutex_);
    silent_ = true;
  }
  void Tell(Task task) {
    absl::MutexLock lock(&mutex_);
    if (!silent_) loop_.Post(std::move(task));
  }
  const Call& call() const { return call_; }

 private:
  const Call call_;
  Scheduler& loop_;
  const Clock& clock_;
  const absl::Duration began_;
  std::atomic<bool> cancelled_{false};
  std::atomic<State> state_{State::kWaiting};
  absl::Mutex mutex_;
  PluginLink::Progress tell_;
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
  const std::string tool = call.tool;
  auto job = std::make_shared<Job>(std::move(call), loop_, clock_);
  job->set_progress(std::move(progress));
  auto answer = std::make_shared<Done>(std::move(done));
  WorkerPool::Taken taken = WorkerPool::Taken::kYes;
  if (offered) {
    taken = pool_->workers->Submit([pool = pool_, job, answer] {
      if (!job->Begin()) return;
      PluginResult result = pool->library->Invoke(job->call(), *job);
      job->End(*pool->workers);
      job->Tell([answer, result = std::move(result)]() mutable { (*answer)(std::move(result)); });
    });
  }
  if (offered && taken == WorkerPool::Taken::kYes) {
    absl::erase_if(jobs_, [](const auto& entry) { return entry.second.expired(); });
    jobs_.emplace(id, job);
    return id;
  }
  PluginResult refused{.outcome = PluginResult::Outcome::kNoEffect,
                       .delivery = PluginResult::Delivery::kNeverDelivered};
  if (!offered) {
    refused.error = absl::StrCat("the plugin does not offer ", tool);
  } else {
    refused.error = taken == WorkerPool::Taken::kFull ? "the plugin has too many calls"
                                                      : "all threads of the plugin hang";
  }
  loop_.Post([answer, refused = std::move(refused)]() mutable { (*answer)(std::move(refused)); });
  return id;
}

void NativePlugin::Probe(Call call, ProbeDone done) {
  auto job = std::make_shared<Job>(std::move(call), loop_, clock_);
  auto answer = std::make_shared<ProbeDone>(std::move(done));
  const WorkerPool::Taken taken = pool_->workers->Submit([pool = pool_, job, answer] {
    if (!job->Begin()) return;
    ProbeReport report = pool->library->Probe(job->call(), *job);
    job->End(*pool->workers);
    job->Tell([answer, report = std::move(report)]() mutable { (*answer)(std::move(report)); });
  });
  if (taken == WorkerPool::Taken::kYes) {
    absl::erase_if(jobs_, [](const auto& entry) { return entry.second.expired(); });
    jobs_.emplace(++next_, job);
    // Nobody cancels a probe: one that hangs must not keep its thread from the others.
    loop_.RunAfter(job->call().timeout,
                   [late = std::weak_ptr<Job>(job), pool = std::weak_ptr<Pool>(pool_)] {
                     const std::shared_ptr<Job> running = late.lock();
                     const std::shared_ptr<Pool> held = pool.lock();
                     if (running != nullptr && held != nullptr) running->Cancel(*held->workers);
                   });
    return;
  }
  loop_.Post([answer] { (*answer)({.error = "the plugin takes no calls now"}); });
}

PluginResult::Delivery NativePlugin::Cancel(uint64_t id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return PluginResult::Delivery::kSeen;
  const std::shared_ptr<Job> job = found->second.lock();
  jobs_.erase(found);
  return job == nullptr ? PluginResult::Delivery::kSeen : job->Cancel(*pool_->workers);
}

}  // namespace onetake
