#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/base/secret.h"

namespace onetake {

// Files that hold a secret, for their owner's eyes only. `what` names the file in messages ("intent
// key file"); no message holds any part of the secret. Both block on the disk.

// Who may read such a file. kGroup is for files that somebody else provides, such as an
// orchestrator's mounts, which belong to another user and to our group.
enum class PrivateTo { kOwner, kGroup };

// Reads the whole file, at most `most` bytes. NOT_FOUND when there is none. FAILED_PRECONDITION
// says what to do: others can read it, it is no regular file, too big, unreadable.
absl::StatusOr<Secret> ReadPrivateFile(const std::string& path, absl::string_view what, size_t most,
                                       PrivateTo whom = PrivateTo::kOwner);
inline constexpr size_t kKeyFileBytes = 4095;

// Creates the file with mode 0600. It is on disk when this returns; a crash leaves all of it or
// none. A file that is there already stays as it is, so two processes that start at once both end
// up with the same one. FAILED_PRECONDITION when it cannot be made.
absl::Status CreatePrivateFile(const std::string& path, absl::string_view what,
                               absl::string_view content);

// The same, but replaces the file that is there, if any: at any moment there is the whole old file
// or the whole new one. It keeps its owner; a new one gets its folder's. A symbolic link stays.
absl::Status ReplacePrivateFile(const std::string& path, absl::string_view what,
                                absl::string_view content);

}  // namespace onetake
