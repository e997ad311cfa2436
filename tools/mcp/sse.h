#pragma once

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace onetake {

struct SseEvent {
  std::string type;  // "message" when the stream names none
  std::string data;
};

// Reads a text/event-stream as it comes, by the rules of the WHATWG HTML standard, section 9.2.6.
// Thread-compatible.
class SseParser {
 public:
  // `most` is the longest event, in bytes.
  explicit SseParser(size_t most) : most_(most) {}

  // Calls `on_event` for each event that `bytes` ends. False, and nothing more is read: an event is
  // too long.
  using OnEvent = absl::FunctionRef<void(SseEvent)>;
  [[nodiscard]] bool Feed(absl::string_view bytes, OnEvent on_event);

  // The stream broke off and is taken up again: what was not ended is dropped.
  void Reconnect();

  // The id of the last event, also of one without data, which serves only to say it.
  const std::string& last_event_id() const { return last_event_id_; }
  // The pause that the server last asked for.
  std::optional<absl::Duration> retry() const { return retry_; }

 private:
  void Line(OnEvent on_event);
  void Field(absl::string_view name, absl::string_view value);

  const size_t most_;
  bool begun_ = false;     // the byte order mark is behind us
  bool after_cr_ = false;  // a line feed now belongs to the last line's end
  std::string line_;
  std::string type_;
  std::string data_;
  bool has_data_ = false;
  std::string id_;
  std::string last_event_id_;
  std::optional<absl::Duration> retry_;
};

}  // namespace onetake
