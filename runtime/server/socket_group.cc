#include "runtime/server/socket_group.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

absl::StatusOr<gid_t> FindGroup(const std::string& name) {
  std::vector<char> text(1024);
  group entry = {};
  group* found = nullptr;
  int error = 0;
  // A group with many members needs more room.
  while ((error = getgrnam_r(name.c_str(), &entry, text.data(), text.size(), &found)) == ERANGE) {
    text.resize(text.size() * 2);
  }
  if (error == 0 && found != nullptr) return entry.gr_gid;
  return absl::FailedPreconditionError(
      absl::StrCat("listen_group: there is no group ", name, " on this machine"));
}

}  // namespace

absl::Status ShareSocket(const std::string& path, const std::string& group) {
  ONETAKE_ASSIGN_OR_RETURN(const gid_t gid, FindGroup(group));
  struct stat info = {};
  // chown() is not called when it would change nothing: the system call filter of our unit forbids
  // even that.
  if (stat(path.c_str(), &info) == 0 &&
      (info.st_gid == gid || chown(path.c_str(), static_cast<uid_t>(-1), gid) == 0) &&
      chmod(path.c_str(), 0660) == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "listen_group: the socket cannot be given to the group ", group, ": ", std::strerror(errno),
      "; the user that onetaked runs as must be a member of it"));
}

}  // namespace onetake
