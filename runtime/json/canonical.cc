#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/json/json.h"

// JSON Canonicalization Scheme, RFC 8785.
namespace onetake {
namespace {

// UTF-16 code units of valid UTF-8, for the order of members (section 3.2.3).
std::u16string Utf16(absl::string_view text) {
  std::u16string units;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    }
    i += length;
    if (point < 0x10000) {
      units.push_back(static_cast<char16_t>(point));
    } else {
      point -= 0x10000;
      units.push_back(static_cast<char16_t>(0xD800 + (point >> 10)));
      units.push_back(static_cast<char16_t>(0xDC00 + (point & 0x3FF)));
    }
  }
  return units;
}

void WriteString(absl::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\f': out += "\\f"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

// Number::toString of ECMAScript (ECMA-262, 6.1.6.1.20): the shortest digits that read back, a
// plain form between 1e-6 and 1e21.
void WriteShortest(double value, std::string& out) {
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::fabs(value),
                                 std::chars_format::scientific);
  const std::string text(buffer.data(), end.ptr);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  std::string digits = text.substr(0, e);
  digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
  const int count = static_cast<int>(digits.size());
  if (value < 0) out.push_back('-');
  if (exponent >= 21 || exponent < -6) {
    out += digits.substr(0, 1);
    if (count > 1) absl::StrAppend(&out, ".", digits.substr(1));
    absl::StrAppend(&out, "e", exponent < 0 ? "-" : "+", std::abs(exponent));
  } else if (exponent < 0) {
    absl::StrAppend(&out, "0.", std::string(-exponent - 1, '0'), digits);
  } else if (count <= exponent + 1) {
    absl::StrAppend(&out, digits, std::string(exponent + 1 - count, '0'));
  } else {
    absl::StrAppend(&out, digits.substr(0, exponent + 1), ".", digits.substr(exponent + 1));
  }
}

void WriteDouble(double value, std::string& out) {
  constexpr double kTwo63 = 9223372036854775808.0;
  if (!std::isfinite(value)) {
    out += "null";
  } else if (value != std::floor(value) || value < -kTwo63 || value >= 2 * kTwo63) {
    WriteShortest(value, out);
  } else if (value < 0) {
    // Written exactly, as the same value held as an integer is: 2^63 is 9223372036854775808.
    absl::StrAppend(&out, static_cast<int64_t>(value));
  } else {
    absl::StrAppend(&out, static_cast<uint64_t>(value));
  }
}

void Write(const Json& value, std::string& out);

void WriteObject(const Json& value, std::string& out) {
  struct Member {
    std::u16string order;
    const std::string* name;
    const Json* value;
  };
  std::vector<Member> members;
  members.reserve(value.size());
  for (auto it = value.begin(); it != value.end(); ++it) {
    members.push_back({Utf16(it.key()), &it.key(), &it.value()});
  }
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.order < b.order; });
  out.push_back('{');
  for (const Member& member : members) {
    if (&member != &members.front()) out.push_back(',');
    WriteString(*member.name, out);
    out.push_back(':');
    Write(*member.value, out);
  }
  out.push_back('}');
}

void Write(const Json& value, std::string& out) {
  switch (value.type()) {
    case Json::value_t::object: return WriteObject(value, out);
    case Json::value_t::array: {
      out.push_back('[');
      for (size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out.push_back(',');
        Write(value[i], out);
      }
      out.push_back(']');
      return;
    }
    case Json::value_t::string: return WriteString(value.get_ref<const std::string&>(), out);
    case Json::value_t::boolean: out += value.get<bool>() ? "true" : "false"; return;
    case Json::value_t::number_integer: absl::StrAppend(&out, value.get<int64_t>()); return;
    case Json::value_t::number_unsigned: absl::StrAppend(&out, value.get<uint64_t>()); return;
    case Json::value_t::number_float: return WriteDouble(value.get<double>(), out);
    default: out += "null"; return;
  }
}

}  // namespace

std::string CanonicalJson(const Json& value) {
  std::string out;
  Write(value, out);
  return out;
}

}  // namespace onetake
