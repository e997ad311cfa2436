#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace onetake {

// Where a page ended: the moment and the row of its last record. Row 0: nowhere yet.
struct PagePosition {
  absl::Time time;
  int64_t row = 0;
};

// The token of the page after `position`, for a client that asked `question` (a request without its
// page_size and page_token) of `tenant`. [A-Za-z0-9_-]; means nothing to anybody else.
std::string MakePageToken(const google::protobuf::Message& question, absl::string_view tenant,
                          PagePosition position);

// Reads such a token. Empty: before the first record. INVALID_ARGUMENT, naming page_token: not a
// token of ours, or one of another question.
absl::StatusOr<PagePosition> ReadPageToken(absl::string_view token,
                                           const google::protobuf::Message& question,
                                           absl::string_view tenant);

}  // namespace onetake
