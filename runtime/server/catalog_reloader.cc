#include "runtime/server/catalog_reloader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/catalog/tool_changes.h"
#include "runtime/server/catalog_log.h"

namespace onetake {

CatalogReloader::CatalogReloader(Options options, Load load, std::shared_ptr<const ToolSet> loaded,
                                 Apply apply, const Clock& clock)
    : options_(std::move(options)),
      load_(std::move(load)),
      apply_(std::move(apply)),
      clock_(clock),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      tools_(std::move(loaded)) {
  ONETAKE_CHECK(wake_fd_ >= 0);
  stats_.tools = tools_->tools().size();
  stats_.version = CatalogVersion(*tools_);
  stats_.loaded_at = clock_.Now();
}

CatalogReloader::~CatalogReloader() {
  Stop();
  close(wake_fd_);
}

void CatalogReloader::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void CatalogReloader::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CatalogReloader::Reload() {
  {
    absl::MutexLock lock(&mutex_);
    asked_ = true;
  }
  Wake();
}

CatalogReloader::Stats CatalogReloader::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

absl::string_view CatalogReloader::ToString(Trigger trigger) {
  switch (trigger) {
    case Trigger::kStart: return "start";
    case Trigger::kRequest: return "request";
    case Trigger::kWatch: return "watch";
  }
  return "request";
}

void CatalogReloader::Wake() {
  const uint64_t one = 1;
  // A write that fails because the counter is full does not matter: that wakes as well.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void CatalogReloader::Run() {
  if (options_.watch == Watch::kOn) Look(Trigger::kStart);
  while (const std::optional<Trigger> trigger = WaitForTrigger()) Look(*trigger);
}

void CatalogReloader::Look(Trigger trigger) {
  // The watch comes first: what changes while the folders are read is told by the new watch.
  if (options_.watch == Watch::kOn) WatchAnew(trigger);
  const Catalog catalog = load_();
  if (catalog.tools == nullptr) return Refuse(trigger, catalog);
  const std::vector<ToolChange> changes = ToolChanges(*tools_, *catalog.tools);
  if (changes.empty()) return KeepUnchanged(trigger);
  tools_ = catalog.tools;
  apply_(tools_);
  LogDiagnostics(catalog.diagnostics);
  LogToolChanges(changes);
  std::string version = CatalogVersion(*tools_);
  std::string previous;
  {
    absl::MutexLock lock(&mutex_);
    ++stats_.reloaded;
    stats_.loaded_at = clock_.Now();
    stats_.tools = tools_->tools().size();
    previous = std::exchange(stats_.version, version);
  }
  Log(LogLevel::kInfo, "catalog.reloaded",
      {{LogField::kTrigger, std::string(ToString(trigger))},
       {LogField::kCount, static_cast<int64_t>(tools_->tools().size())},
       {LogField::kVersion, std::move(version)},
       {LogField::kPreviousVersion, std::move(previous)}});
}

std::optional<CatalogReloader::Trigger> CatalogReloader::WaitForTrigger() {
  absl::Duration first_seen;
  absl::Duration due = absl::InfiniteDuration();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return std::nullopt;
      if (std::exchange(asked_, false)) return Trigger::kRequest;
    }
    const absl::Duration now = clock_.Elapsed();
    if (now >= due) return Trigger::kWatch;
    pollfd ready[] = {
        {.fd = wake_fd_, .events = POLLIN, .revents = 0},
        {.fd = watch_ == nullptr ? -1 : watch_->fd(), .events = POLLIN, .revents = 0}};
    const int wait_ms = due == absl::InfiniteDuration()
                            ? -1
                            : static_cast<int>(absl::ToInt64Milliseconds(
                                  absl::Ceil(due - now, absl::Milliseconds(1))));
    poll(ready, 2, wait_ms);
    uint64_t woken = 0;
    [[maybe_unused]] const ssize_t size = read(wake_fd_, &woken, sizeof(woken));
    if (watch_ == nullptr || !watch_->TakeEvents()) continue;
    if (due == absl::InfiniteDuration()) first_seen = clock_.Elapsed();
    due = std::min(clock_.Elapsed() + options_.quiet, first_seen + options_.longest);
  }
}

void CatalogReloader::WatchAnew(Trigger trigger) {
  watch_ = nullptr;  // its descriptors are the new one's
  watch_ = std::make_unique<FolderWatch>(options_.folders);
  std::string fault(watch_->status().message());
  if (fault.empty() || (fault == watch_fault_ && trigger == Trigger::kWatch)) {
    watch_fault_ = std::move(fault);
    return;
  }
  watch_fault_ = std::move(fault);
  Log(LogLevel::kWarning, "catalog.watch_incomplete", {{LogField::kError, watch_fault_}});
}

void CatalogReloader::KeepUnchanged(Trigger trigger) {
  {
    absl::MutexLock lock(&mutex_);
    stats_.loaded_at = clock_.Now();
    if (trigger == Trigger::kStart) return;  // nobody has asked
    ++stats_.unchanged;
  }
  Log(LogLevel::kInfo, "catalog.unchanged",
      {{LogField::kTrigger, std::string(ToString(trigger))},
       {LogField::kCount, static_cast<int64_t>(tools_->tools().size())}});
}

void CatalogReloader::Refuse(Trigger trigger, const Catalog& catalog) {
  LogDiagnostics(catalog.diagnostics);
  {
    absl::MutexLock lock(&mutex_);
    ++stats_.refused;
  }
  const auto errors = std::count_if(
      catalog.diagnostics.begin(), catalog.diagnostics.end(),
      [](const Diagnostic& diagnostic) { return diagnostic.severity == Severity::kError; });
  Log(LogLevel::kError, "catalog.reload_refused",
      {{LogField::kTrigger, std::string(ToString(trigger))},
       {LogField::kCount, static_cast<int64_t>(errors)},
       {LogField::kError, "the manifests have errors: the tools stay as they were"},
       {LogField::kAdvice,
        "correct what manifest.diagnostic names; `onetake tools lint FOLDER` "
        "tells it too"}});
}

}  // namespace onetake
