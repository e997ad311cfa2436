#include "tools/mcp/sse.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace onetake {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

bool SseParser::Feed(absl::string_view bytes, OnEvent on_event) {
  for (const char c : bytes) {
    if (c == '\n' && after_cr_) {
      after_cr_ = false;
      continue;
    }
    after_cr_ = c == '\r';
    if (c == '\r' || c == '\n') {
      Line(on_event);
    } else {
      line_.push_back(c);
      if (line_.size() + data_.size() > most_) return false;
    }
  }
  return true;
}

void SseParser::Reconnect() {
  begun_ = false;
  after_cr_ = false;
  line_.clear();
  type_.clear();
  data_.clear();
  has_data_ = false;
  id_ = last_event_id_;
}

void SseParser::Line(OnEvent on_event) {
  absl::string_view line = line_;
  if (!std::exchange(begun_, true)) absl::ConsumePrefix(&line, kByteOrderMark);
  if (line.empty()) {
    last_event_id_ = id_;
    if (has_data_) {
      data_.pop_back();  // the line feed after the last line
      on_event({.type = type_.empty() ? "message" : type_, .data = std::move(data_)});
    }
    type_.clear();
    data_.clear();
    has_data_ = false;
  } else if (const size_t colon = line.find(':'); colon == absl::string_view::npos) {
    Field(line, "");
  } else if (colon > 0) {
    absl::string_view value = line.substr(colon + 1);
    absl::ConsumePrefix(&value, " ");
    Field(line.substr(0, colon), value);
  }
  line_.clear();
}

void SseParser::Field(absl::string_view name, absl::string_view value) {
  if (name == "event") {
    type_ = std::string(value);
  } else if (name == "data") {
    data_.append(value.data(), value.size());
    data_.push_back('\n');
    has_data_ = true;
  } else if (name == "id") {
    if (value.find('\0') == absl::string_view::npos) id_ = std::string(value);
  } else if (name == "retry") {
    int64_t milliseconds = 0;
    const bool digits =
        std::all_of(value.begin(), value.end(), [](char c) { return absl::ascii_isdigit(c); });
    if (digits && absl::SimpleAtoi(value, &milliseconds)) {
      retry_ = absl::Milliseconds(milliseconds);
    }
  }
}

}  // namespace onetake
