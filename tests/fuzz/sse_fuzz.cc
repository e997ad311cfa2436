// Streams of events of MCP servers: what is read does not depend on where the network cuts them.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tools/mcp/sse.h"

namespace onetake {
namespace {

constexpr size_t kMost = 200;

struct Seen {
  std::vector<std::string> events;
  std::string last_event_id;
  std::optional<absl::Duration> retry;
  bool whole = true;

  friend bool operator==(const Seen& a, const Seen& b) {
    if (a.whole != b.whole || a.events != b.events) return false;
    return !a.whole || (a.last_event_id == b.last_event_id && a.retry == b.retry);
  }
};

Seen Read(absl::string_view stream, size_t piece) {
  Seen seen;
  SseParser parser(kMost);
  const auto take = [&seen](const SseEvent& event) {
    ONETAKE_CHECK(event.data.size() <= kMost);
    seen.events.push_back(event.type + "\n" + event.data);
  };
  while (seen.whole && !stream.empty()) {
    seen.whole = parser.Feed(stream.substr(0, piece), take);
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  seen.last_event_id = parser.last_event_id();
  seen.retry = parser.retry();
  return seen;
}

}  // namespace
}  // namespace onetake

// One byte says how long the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  if (size < 2 || size > 4 * 1024) return 0;
  const absl::string_view stream = TextOf(data + 1, size - 1);
  const Seen whole = Read(stream, stream.size());
  ONETAKE_CHECK(Read(stream, 1) == whole);
  ONETAKE_CHECK(Read(stream, 1 + data[0]) == whole);
  return 0;
}
