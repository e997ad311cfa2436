#include "runtime/base/trace_context.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr size_t kLength = 55;  // of version 00

bool IsHex(absl::string_view text, size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

bool IsId(absl::string_view text, size_t digits) {
  return IsHex(text, digits) && text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view header) {
  if (header.size() < kLength) return std::nullopt;
  const absl::string_view version = header.substr(0, 2);
  if (!IsHex(version, 2) || version == "ff") return std::nullopt;
  const bool longer = header.size() > kLength;
  if (longer && (version == "00" || header[kLength] != '-')) return std::nullopt;
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const absl::string_view trace_id = header.substr(3, 32);
  const absl::string_view parent_id = header.substr(36, 16);
  const absl::string_view flags = header.substr(53, 2);
  if (!IsId(trace_id, 32) || !IsId(parent_id, 16) || !IsHex(flags, 2)) return std::nullopt;
  const std::string byte = absl::HexStringToBytes(flags);
  return TraceContext{std::string(trace_id), std::string(parent_id), static_cast<uint8_t>(byte[0])};
}

// Only the flag "sampled" has a meaning in version 00.
std::string MakeTraceparent(const TraceContext& trace, uint64_t span_id) {
  return absl::StrCat("00-", trace.trace_id, "-", absl::Hex(span_id, absl::kZeroPad16), "-",
                      absl::Hex(trace.flags & 1, absl::kZeroPad2));
}

}  // namespace onetake
