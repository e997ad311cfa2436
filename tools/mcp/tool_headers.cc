#include "tools/mcp/tool_headers.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr char kMark[] = "x-mcp-header";
constexpr absl::string_view kPrefix = "=?base64?";
constexpr absl::string_view kSuffix = "?=";
constexpr int kDepth = 16;

// A token of RFC 9110, section 5.6.2.
bool IsToken(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", c);
  });
}

class Collector {
 public:
  absl::Status Collect(const Json& schema, std::vector<std::string>& path) {
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object() ||
        path.size() >= static_cast<size_t>(kDepth)) {
      return absl::OkStatus();
    }
    for (const auto& [name, property] : properties->items()) {
      if (!property.is_object()) continue;
      path.push_back(name);
      absl::Status status = Property(property, path);
      if (status.ok()) status = Collect(property, path);
      path.pop_back();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  std::vector<ToolHeader> Take() { return std::move(found_); }

 private:
  absl::Status Property(const Json& property, const std::vector<std::string>& path) {
    const auto mark = property.find(kMark);
    if (mark == property.end()) return absl::OkStatus();
    if (!mark->is_string() || !IsToken(mark->get_ref<const std::string&>())) {
      return absl::InvalidArgumentError("x-mcp-header is no name of a header");
    }
    const Json type = property.value("type", Json());
    if (type != "string" && type != "integer" && type != "boolean") {
      return absl::InvalidArgumentError("x-mcp-header stands at no string, integer or boolean");
    }
    const std::string name = mark->get<std::string>();
    if (!names_.insert(absl::AsciiStrToLower(name)).second) {
      return absl::InvalidArgumentError("x-mcp-header has the same name twice");
    }
    found_.push_back({.path = path, .name = absl::StrCat("Mcp-Param-", name)});
    return absl::OkStatus();
  }

  std::set<std::string> names_;
  std::vector<ToolHeader> found_;
};

}  // namespace

absl::StatusOr<std::vector<ToolHeader>> ToolHeaders(const Json& input_schema) {
  if (!input_schema.is_object()) return std::vector<ToolHeader>();
  Collector collector;
  std::vector<std::string> path;
  if (absl::Status status = collector.Collect(input_schema, path); !status.ok()) return status;
  return collector.Take();
}

HeaderList ParamHeaders(const std::vector<ToolHeader>& headers, const Json& arguments) {
  HeaderList list;
  for (const ToolHeader& header : headers) {
    const Json* value = &arguments;
    for (const std::string& step : header.path) {
      const auto found = value->is_object() ? value->find(step) : value->end();
      value = value->is_object() && found != value->end() ? &*found : nullptr;
      if (value == nullptr) break;
    }
    if (value == nullptr || value->is_null() || value->is_structured()) continue;
    list.emplace_back(header.name,
                      HeaderValue(value->is_string() ? value->get_ref<const std::string&>()
                                                     : CanonicalJson(*value)));
  }
  return list;
}

std::string HeaderValue(absl::string_view text) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
  const bool bare = absl::StripAsciiWhitespace(text) == text;
  // A text that looks encoded already must be encoded, or it would be decoded.
  const bool looks_encoded = absl::StartsWith(text, kPrefix) && absl::EndsWith(text, kSuffix);
  if (printable && bare && !looks_encoded) return std::string(text);
  return absl::StrCat(kPrefix, absl::Base64Escape(text), kSuffix);
}

}  // namespace onetake
