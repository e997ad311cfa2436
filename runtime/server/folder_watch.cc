#include "runtime/server/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 40;  // as the kernel's
constexpr int kDepthMax = 16;
constexpr uint32_t kNameEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr uint32_t kContentEvents =
    kNameEvents | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kAlways = IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT;

// Hidden are ".git" and the swap files of editors, but not "..data", by which Kubernetes swaps a
// whole folder.
bool IsHidden(absl::string_view name) {
  return absl::StartsWith(name, ".") && !absl::StartsWith(name, "..");
}

bool IsOfACatalog(absl::string_view name) {
  const size_t dot = name.rfind('.');
  const absl::string_view end = dot == absl::string_view::npos ? "" : name.substr(dot);
  return absl::StartsWith(name, "..") || end.empty() || end == ".yaml" || end == ".yml" ||
         end == ".json";
}

absl::Status WhyNot(const fs::path& folder, int error) {
  if (error == ENOSPC) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder.string(),
                     ": the system allows no further watch; raise "
                     "fs.inotify.max_user_watches, or reload by SIGHUP"));
  }
  return absl::UnavailableError(
      absl::StrCat(folder.string(), ": cannot be watched: ", std::strerror(error)));
}

}  // namespace

FolderWatch::FolderWatch(const std::vector<std::string>& folders)
    : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ < 0) {
    status_ = absl::ResourceExhaustedError(
        absl::StrCat("the system allows no further inotify instance (", std::strerror(errno),
                     "); raise fs.inotify.max_user_instances, or reload by SIGHUP"));
    return;
  }
  for (const std::string& folder : folders) {
    if (std::optional<fs::path> root = Follow(folder)) roots_.push_back(*std::move(root));
  }
  for (const fs::path& root : roots_) WatchContent(root, 0);
}

FolderWatch::~FolderWatch() {
  if (fd_ >= 0) close(fd_);
}

// Watches every step that the path takes, and returns where it leads; nullopt when it leads nowhere
// yet.
std::optional<fs::path> FolderWatch::Follow(const fs::path& path) {
  std::deque<fs::path> steps(path.begin(), path.end());
  fs::path at = "/";
  int links = 0;
  while (!steps.empty()) {
    const fs::path step = steps.front();
    steps.pop_front();
    if (step.empty() || step == "." || step == "/") continue;
    if (step == "..") {
      at = at.parent_path();
      continue;
    }
    if (Interest* interest = Add(at, Part::kName)) interest->names.insert(step);
    std::error_code error;
    const fs::path next = at / step;
    const fs::file_status status = fs::symlink_status(next, error);
    if (!fs::exists(status)) return std::nullopt;
    if (!fs::is_symlink(status)) {
      at = next;
      continue;
    }
    const fs::path target = fs::read_symlink(next, error);
    if (error || ++links > kLinksMax) return std::nullopt;
    if (target.is_absolute()) at = "/";
    steps.insert(steps.begin(), target.begin(), target.end());
  }
  return at;
}

void FolderWatch::WatchContent(const fs::path& folder, int depth) {
  if (depth > kDepthMax || !visited_.insert(folder).second) return;
  Interest* interest = Add(folder, Part::kContent);
  if (interest == nullptr) return;
  interest->content = true;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (IsHidden(entry->path().filename().string())) continue;
    std::error_code ignored;
    if (entry->is_symlink(ignored)) {
      const std::optional<fs::path> target = Follow(entry->path());
      if (target.has_value() && fs::is_directory(*target, ignored) && IsInFolders(*target)) {
        WatchContent(*target, depth + 1);
      }
    } else if (entry->is_directory(ignored)) {
      WatchContent(entry->path(), depth + 1);
    }
  }
}

// nullptr when the folder cannot be watched. That is no fault for a step on the way: it may be
// unreadable.
FolderWatch::Interest* FolderWatch::Add(const fs::path& folder, Part part) {
  if (interests_.size() >= kWatches) {
    status_ = absl::ResourceExhaustedError(absl::StrCat(
        folder.string(), ": is one of more than ", kWatches,
        " folders to watch; give the manifests a folder of their own, or reload by SIGHUP"));
    return nullptr;
  }
  const uint32_t events = part == Part::kName ? kNameEvents : kContentEvents;
  const int watch =
      inotify_add_watch(fd_, folder.c_str(), events | IN_ONLYDIR | IN_MASK_ADD | IN_EXCL_UNLINK);
  if (watch >= 0) return &interests_[watch];
  const int error = errno;
  if (part == Part::kContent || error == ENOSPC) status_ = WhyNot(folder, error);
  return nullptr;
}

// A link may lead anywhere, and what lies outside of the folders does not belong to the catalog.
bool FolderWatch::IsInFolders(const fs::path& folder) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const fs::path& root) {
    const auto [root_end, unused] =
        std::mismatch(root.begin(), root.end(), folder.begin(), folder.end());
    return root_end == root.end();
  });
}

bool FolderWatch::Concerns(int watch, uint32_t mask, absl::string_view name) const {
  if ((mask & kAlways) != 0) return true;
  const auto found = interests_.find(watch);
  if (found == interests_.end()) return false;
  const Interest& interest = found->second;
  if (interest.names.contains(std::string(name))) return true;
  if (!interest.content || IsHidden(name)) return false;
  return (mask & IN_ISDIR) != 0 || IsOfACatalog(name);
}

bool FolderWatch::TakeEvents() {
  alignas(inotify_event) char buffer[16 * 1024];
  bool concerns = false;
  while (true) {
    const ssize_t size = read(fd_, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return concerns;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof(event));
      const char* name = event.len == 0 ? "" : buffer + at + sizeof(event);
      concerns = Concerns(event.wd, event.mask, name) || concerns;
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

}  // namespace onetake
