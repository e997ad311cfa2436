#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/base/secret.h"

namespace onetake {

// Files that hold a secret, for their owner's eyes only. `what` names the file in messages ("intent
// key file"); no message holds any part of the secret. Both block on the disk.

// The whole file, at most 4,095 bytes. NOT_FOUND when there is none. FAILED_PRECONDITION says what
// to do: others can read it, it is no regular file, too big, unreadable.
absl::StatusOr<Secret> ReadPrivateFile(const std::string& path, absl::string_view what);

// Mode 0600 and on disk when this returns; a crash leaves all of it or none. A file that is there
// already stays as it is, so of two processes that start at once both end up with the same one.
// FAILED_PRECONDITION when it cannot be made.
absl::Status CreatePrivateFile(const std::string& path, absl::string_view what,
                               absl::string_view content);

}  // namespace onetake
