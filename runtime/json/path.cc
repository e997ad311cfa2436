#include "runtime/json/path.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

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
      const size_t close = text.find(']', at);
      if (close == absl::string_view::npos) return Fault(at, "'[' without ']'");
      const absl::string_view inner = text.substr(at + 1, close - at - 1);
      if (inner.size() >= 2 && inner.front() == '\'' && inner.back() == '\'') {
        step.name = std::string(inner.substr(1, inner.size() - 2));
      } else if (absl::SimpleAtoi(inner, &step.index) && std::abs(step.index) <= kMaxIndex) {
        step.is_index = true;
      } else {
        return Fault(at + 1, "expected an index or a name in single quotes");
      }
      at = close + 1;
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
      if (!node->is_array()) return nullptr;
      const int64_t size = static_cast<int64_t>(node->size());
      const int64_t index = step.index < 0 ? size + step.index : step.index;
      if (index < 0 || index >= size) return nullptr;
      node = &(*node)[static_cast<size_t>(index)];
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
  for (const Step& step : steps_) {
    if (step.is_index) {
      const int64_t size = node->is_array() ? static_cast<int64_t>(node->size()) : 0;
      const int64_t index = step.index < 0 ? size + step.index : step.index;
      if (index < 0 || index >= size) {
        return absl::FailedPreconditionError(absl::StrCat(text_, ": there is no such element"));
      }
      node = &(*node)[static_cast<size_t>(index)];
      continue;
    }
    if (node->is_null()) *node = Json::object();
    if (!node->is_object()) {
      return absl::FailedPreconditionError(absl::StrCat(text_, ": a step is not an object"));
    }
    node = &(*node)[step.name];
  }
  *node = std::move(value);
  return absl::OkStatus();
}

absl::string_view JsonPath::first_name() const {
  return steps_.empty() || steps_[0].is_index ? absl::string_view() : steps_[0].name;
}

}  // namespace onetake
