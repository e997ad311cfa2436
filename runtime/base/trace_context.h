#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace onetake {

// The place of a call in its caller's trace: W3C Trace Context, Recommendation of 23 November 2021,
// the header kTraceparent. A value.
struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits, not all 0
  std::string parent_id;  // 16 such digits
  uint8_t flags = 0;      // 1: sampled
};

inline constexpr char kTraceparent[] = "traceparent";

// nullopt when `header` is none. Versions after 00 are read as far as 00 goes, as the standard
// asks. Pure.
std::optional<TraceContext> ParseTraceparent(absl::string_view header);

// The header for a request that is made on behalf of `trace`, under a span of our own, which is not
// 0. Pure.
std::string MakeTraceparent(const TraceContext& trace, uint64_t span_id);

}  // namespace onetake
