#include "runtime/json/path.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr int kMaxIndex = 1'000'000;

absl::Status Fault(size_t offset, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("path is wrong at offset ", offset, ": ", what));
}

bool IsNameChar(char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '-' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

// Reads a quoted name in brackets, with `at` on its opening quote; moves `at` past the closing one.
absl::StatusOr<std::string> ReadQuotedName(absl::string_view text, size_t& at) {
  const size_t start = at;
  const char quote = text[at++];
  std::string json = "\"";  // the name as a JSON string, which has the same escapes
  for (; at < text.size() && text[at] != quote; ++at) {
    if (text[at] == '"') json.push_back('\\');
    if (text[at] != '\\') {
      json.push_back(text[at]);
    } else if (++at == text.size()) {
      break;
    } else if (text[at] == '\'') {
      json.push_back('\'');
    } else {
      json.append({'\\', text[at]});
    }
  }
  if (at >= text.size()) return Fault(start, "the quote is not closed");
  ++at;
  const absl::StatusOr<Json> name = ParseJson(absl::StrCat(json, "\""), ArgumentLimits());
  if (!name.ok()) return Fault(start, "a wrong escape or invalid UTF-8 in the quoted name");
  return name->get<std::string>();
}

absl::StatusOr<int> ReadIndex(absl::string_view text, size_t& at) {
  const size_t start = at;
  if (at < text.size() && text[at] == '-') ++at;
  while (at < text.size() && absl::ascii_isdigit(text[at])) ++at;
  const absl::string_view digits = text.substr(start, at - start);
  int index = 0;
  if (!absl::SimpleAtoi(digits, &index) || absl::StrCat(index) != digits || index < -kMaxIndex ||
      index > kMaxIndex) {
    return Fault(start, "expected an index or a name in quotes");
  }
  return index;
}

// The element of an array, counted from its end when `index` is negative; nullptr when there is
// none.
const Json* Element(const Json& array, int index) {
  if (!array.is_array()) return nullptr;
  const auto size = static_cast<int64_t>(array.size());
  const int64_t at = index < 0 ? size + index : index;
  return at < 0 || at >= size ? nullptr : &array[static_cast<size_t>(at)];
}

}  // namespace

absl::StatusOr<JsonPath> JsonPath::Parse(absl::string_view text) {
  if (text.empty() || text[0] != '$') return Fault(0, "must begin with $");
  JsonPath path;
  path.text_ = std::string(text);
  size_t at = 1;
  while (at < text.size()) {
    Step step;
    if (text[at] == '.') {
      size_t end = ++at;
      while (end < text.size() && IsNameChar(text[end])) ++end;
      if (end == at) return Fault(at, "expected a member name after '.'");
      step.name = std::string(text.substr(at, end - at));
      at = end;
    } else if (text[at] == '[') {
      ++at;
      if (at < text.size() && (text[at] == '\'' || text[at] == '"')) {
        ONETAKE_ASSIGN_OR_RETURN(step.name, ReadQuotedName(text, at));
      } else {
        ONETAKE_ASSIGN_OR_RETURN(step.index, ReadIndex(text, at));
        step.is_index = true;
      }
      if (at == text.size() || text[at] != ']') return Fault(at, "expected ']'");
      ++at;
    } else {
      return Fault(at, "expected '.' or '['");
    }
    path.steps_.push_back(std::move(step));
  }
  return path;
}

const Json* JsonPath::Find(const Json& root) const {
  const Json* node = &root;
  for (const Step& step : steps_) {
    if (step.is_index) {
      node = Element(*node, step.index);
      if (node == nullptr) return nullptr;
    } else {
      if (!node->is_object()) return nullptr;
      const auto found = node->find(step.name);
      if (found == node->end()) return nullptr;
      node = &*found;
    }
  }
  return node;
}

absl::Status JsonPath::Set(Json& root, Json value) const {
  Json* node = &root;
  for (auto step = steps_.begin(); step != steps_.end(); ++step) {
    if (step->is_index) {
      node = const_cast<Json*>(Element(*node, step->index));
      if (node == nullptr) {
        return absl::FailedPreconditionError(absl::StrCat(text_, ": there is no such element"));
      }
      continue;
    }
    if (!node->is_object() && !node->is_null()) {
      return absl::FailedPreconditionError(absl::StrCat(text_, ": a step is not an object"));
    }
    // Nothing may be created unless the rest can be.
    const bool missing = node->is_null() || !node->contains(step->name);
    if (missing && std::any_of(step, steps_.end(), [](const Step& s) { return s.is_index; })) {
      return absl::FailedPreconditionError(absl::StrCat(text_, ": there is no such element"));
    }
    if (node->is_null()) *node = Json::object();
    node = &(*node)[step->name];
  }
  *node = std::move(value);
  return absl::OkStatus();
}

absl::string_view JsonPath::first_name() const {
  return steps_.empty() || steps_[0].is_index ? absl::string_view() : steps_[0].name;
}

}  // namespace onetake
