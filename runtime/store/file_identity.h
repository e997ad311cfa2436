#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace onetake {

// The file that a database was opened as. SQLite goes on writing to a file that has lost its name,
// and all of that is gone when the last one who has it open closes it. Thread-safe; asks the disk's
// directory each time, which is in memory.
class FileIdentity {
 public:
  // NOT_FOUND when there is no file of that name. `path` is that of an open database in WAL mode.
  static absl::StatusOr<FileIdentity> Of(const std::string& path);
  // DATA_LOSS when the name now belongs to no file or to another one, or the WAL has gone.
  absl::Status CheckStill() const;

 private:
  FileIdentity(std::string path, dev_t device, ino_t node)
      : path_(std::move(path)), device_(device), node_(node) {}

  std::string path_;
  dev_t device_;
  ino_t node_;
};

// FAILED_PRECONDITION when the file has a second name, a hard link: SQLite keeps a WAL for each
// name, and whoever opens it by the other one does not meet a lock that goes by the name. OK when
// there is no file.
absl::Status CheckHasOneName(const std::string& path);

}  // namespace onetake
