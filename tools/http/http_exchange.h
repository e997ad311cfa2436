#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace onetake {

// What the transport saw of one exchange.
struct HttpExchange {
  enum class Transport { kComplete, kTimeout, kLost, kNoConnection, kTooBig, kCancelled };
  Transport transport = Transport::kComplete;
  // Whether the request was begun: from then on a byte of it may have reached the downstream.
  bool request_begun = false;
  // Whether it was begun more than once: what is seen is the answer to the last copy, and an
  // earlier one may have reached the downstream too.
  bool resent = false;
  int status = 0;  // final status; 0 when none was seen
  std::string body;
  std::map<std::string, std::string> headers;  // those that were wanted, in lower case
  std::optional<absl::Duration> retry_after;
  std::string error;  // the transport's own words, for the ledger
  absl::Duration latency = absl::ZeroDuration();
};

}  // namespace onetake
