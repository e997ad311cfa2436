#include "runtime/json/schema_ref.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace onetake {
namespace {

constexpr int kRefHops = 16;

int HexDigit(char c) {
  int value = 0;
  return absl::SimpleHexAtoi(absl::string_view(&c, 1), &value) ? value : -1;
}

// A `$ref` is a URI fragment, in which %25 is a percent sign.
std::string PercentDecode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

const Json* ResolveLocalRef(const Json& document, const Json& schema) {
  const Json* at = &schema;
  for (int hop = 0; hop < kRefHops; ++hop) {
    if (!at->is_object()) return at;
    const auto ref = at->find("$ref");
    if (ref == at->end()) return at;
    if (!ref->is_string()) return nullptr;
    const std::string& text = ref->get_ref<const std::string&>();
    if (!absl::StartsWith(text, "#")) return nullptr;
    try {
      const Json::json_pointer pointer(PercentDecode(text.substr(1)));
      if (!document.contains(pointer)) return nullptr;
      at = &document.at(pointer);
    } catch (const Json::exception&) {
      return nullptr;
    }
  }
  return nullptr;
}

}  // namespace onetake
