#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/catalog/catalog.h"
#include "runtime/server/folder_watch.h"

namespace onetake {

// Reads the manifests again when somebody asks (SIGHUP) or when their folders change, all or
// nothing: a set with an error changes nothing and says why in the log. A thread of its own,
// because loading blocks on the disk. Reload() and stats() are thread-safe; the rest is for the
// owner.
//
// In the log: "catalog.reloaded" with "catalog.tool_added", "..._changed", "..._removed";
// "catalog.unchanged"; "catalog.reload_refused" after a "manifest.diagnostic" for each fault;
// "catalog.watch_incomplete" when changes may go unseen.
class CatalogReloader {
 public:
  enum class Watch { kOff, kOn };
  struct Options {
    std::vector<std::string> folders;  // what is watched; absolute
    Watch watch = Watch::kOn;
    // Editors and deployments write several files: a reload waits until nothing has happened for
    // `quiet`, but for no longer than `longest` in all.
    absl::Duration quiet = absl::Milliseconds(200);
    absl::Duration longest = absl::Seconds(2);
  };
  using Load = std::function<Catalog()>;
  // Makes a set the current one, and returns once it is. Runs on the reloader's thread.
  using Apply = std::function<void(std::shared_ptr<const ToolSet>)>;

  // What the reloads have led to.
  struct Stats {
    size_t tools = 0;       // in the current set
    std::string version;    // CatalogVersion of it
    int64_t reloaded = 0;   // with a new set
    int64_t unchanged = 0;  // without an error and without a change
    int64_t refused = 0;    // with an error
    absl::Time loaded_at;   // when the manifests were last read without an error
  };

  // `loaded` is the set of the start.
  CatalogReloader(Options options, Load load, std::shared_ptr<const ToolSet> loaded, Apply apply,
                  const Clock& clock);
  ~CatalogReloader();

  // Starts the thread; call it once. Also looks for what has changed since `loaded` was read.
  void Start();
  // Ends the thread; a load that runs is waited for. Idempotent; stats() stays.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Reads the manifests again soon, whether they have changed or not.
  void Reload() ABSL_LOCKS_EXCLUDED(mutex_);

  Stats stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  enum class Trigger { kStart, kRequest, kWatch };
  static absl::string_view ToString(Trigger trigger);

  void Run();
  void Wake();
  // nullopt: the reloader is stopping.
  std::optional<Trigger> WaitForTrigger() ABSL_LOCKS_EXCLUDED(mutex_);
  void WatchAnew(Trigger trigger);
  void Look(Trigger trigger) ABSL_LOCKS_EXCLUDED(mutex_);
  void KeepUnchanged(Trigger trigger) ABSL_LOCKS_EXCLUDED(mutex_);
  void Refuse(Trigger trigger, const Catalog& catalog) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  const Load load_;
  const Apply apply_;
  const Clock& clock_;
  int wake_fd_ = -1;
  std::thread thread_;
  // Owned by the thread.
  std::shared_ptr<const ToolSet> tools_;
  std::unique_ptr<FolderWatch> watch_;
  std::string watch_fault_;  // what was last said about it
  mutable absl::Mutex mutex_;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
