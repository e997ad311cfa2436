#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Tells that the tool folders may have changed: a file was written, moved or removed in them or in
// a folder below, or a folder itself was replaced, by a rename or by a symbolic link that leads
// elsewhere now, at whatever step of its path. It uses inotify, so what another machine changes on
// a network file system is not seen.
//
// A watch covers what was there when it was made. After a change make a new one first and read the
// folders then, and nothing can be missed in between. Thread-compatible.
class FolderWatch {
 public:
  static constexpr size_t kWatches = 4096;  // folders watched, the steps of their paths included

  // Absolute paths; they need not exist. Blocks on the disk.
  explicit FolderWatch(const std::vector<std::string>& folders);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // OK, or what is not watched and what to do about it; the rest is watched. RESOURCE_EXHAUSTED: a
  // bound of ours or of the system is reached. UNAVAILABLE: a folder cannot be read.
  const absl::Status& status() const { return status_; }

  // For poll(): readable when something has happened. -1: there is no watch at all.
  int fd() const { return fd_; }

  // Takes what has happened until now; returns whether any of it concerns the folders. Never
  // blocks.
  bool TakeEvents();

 private:
  // What is of interest in a watched folder.
  struct Interest {
    bool content = false;         // it is a tool folder, or below one
    std::set<std::string> names;  // steps of a path that lead through it
  };
  enum class Part { kName, kContent };

  std::optional<std::filesystem::path> Follow(const std::filesystem::path& path);
  void WatchContent(const std::filesystem::path& folder, int depth);
  Interest* Add(const std::filesystem::path& folder, Part part);
  bool IsInFolders(const std::filesystem::path& folder) const;
  bool Concerns(int watch, uint32_t mask, absl::string_view name) const;

  int fd_ = -1;
  absl::Status status_;
  std::vector<std::filesystem::path> roots_;  // the folders, once every symbolic link is followed
  std::set<std::filesystem::path> visited_;
  std::map<int, Interest> interests_;  // by watch descriptor
};

}  // namespace onetake
