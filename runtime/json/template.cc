#include "runtime/json/template.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

// Manifests come from people, so this only keeps the recursion harmless, here and in what renders.
constexpr int kTemplateDepth = 64;

void AddOnce(std::string name, std::vector<std::string>& names) {
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(std::move(name));
  }
}

const Json* FindDotted(const Json& root, absl::string_view path) {
  const Json* node = &root;
  for (const absl::string_view step : absl::StrSplit(path, '.')) {
    if (!node->is_object()) return nullptr;
    const auto found = node->find(std::string(step));
    if (found == node->end()) return nullptr;
    node = &*found;
  }
  return node;
}

bool IsHoleName(absl::string_view name) {
  return !name.empty() && !absl::StartsWith(name, ".") && !absl::EndsWith(name, ".") &&
         !absl::StrContains(name, "..") && std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
                  c == '.';
         });
}

// The path behind a string of a JSON template; nullopt for plain text.
std::optional<std::string> PathText(const std::string& text) {
  if (text == "$" || absl::StartsWith(text, "$.") || absl::StartsWith(text, "$[")) return text;
  return std::nullopt;
}

absl::Status CheckPaths(const Json& value, int depth) {
  if (depth > kTemplateDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("is nested deeper than ", kTemplateDepth, " levels"));
  }
  if (value.is_string()) {
    const auto path = PathText(value.get<std::string>());
    const absl::Status status =
        path.has_value() ? JsonPath::Parse(*path).status() : absl::OkStatus();
    return status.ok() ? status : Annotate(status, *path);
  }
  for (const Json& child : value) {
    if (value.is_structured()) ONETAKE_RETURN_IF_ERROR(CheckPaths(child, depth + 1));
  }
  return absl::OkStatus();
}

void CollectArguments(const Json& value, std::vector<std::string>& names) {
  if (value.is_string()) {
    const auto path = PathText(value.get<std::string>());
    if (path.has_value()) AddOnce(std::string(JsonPath::Parse(*path)->first_name()), names);
  } else if (value.is_structured()) {
    for (const Json& child : value) CollectArguments(child, names);
  }
}

// nullopt: the value is a path that finds nothing.
std::optional<Json> Fill(const Json& value, const Json& arguments) {
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (absl::StartsWith(text, "$$")) return Json(text.substr(1));
    const auto path = PathText(text);
    if (!path.has_value()) return value;
    const Json* found = JsonPath::Parse(*path)->Find(arguments);
    return found == nullptr ? std::nullopt : std::optional<Json>(*found);
  }
  if (value.is_object()) {
    Json filled = Json::object();
    for (auto it = value.begin(); it != value.end(); ++it) {
      std::optional<Json> member = Fill(it.value(), arguments);
      if (member.has_value()) filled[it.key()] = *std::move(member);
    }
    return filled;
  }
  if (value.is_array()) {
    Json filled = Json::array();
    for (const Json& element : value) filled.push_back(Fill(element, arguments).value_or(nullptr));
    return filled;
  }
  return value;
}

}  // namespace

absl::StatusOr<TextTemplate> TextTemplate::Parse(absl::string_view text) {
  TextTemplate parsed;
  std::string literal;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool doubled = i + 1 < text.size() && text[i + 1] == text[i];
    if ((text[i] == '{' || text[i] == '}') && doubled) {
      literal.push_back(text[i++]);
    } else if (text[i] == '}') {
      return absl::InvalidArgumentError(
          absl::StrCat("'}' without '{' at offset ", i, ": write }} for a brace"));
    } else if (text[i] == '{') {
      const size_t close = text.find('}', i);
      const absl::string_view name =
          close == absl::string_view::npos ? "" : text.substr(i + 1, close - i - 1);
      if (!IsHoleName(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("expected {argument} at offset ", i, ": write {{ for a brace"));
      }
      if (!literal.empty()) parsed.parts_.push_back({std::exchange(literal, ""), ""});
      parsed.parts_.push_back({"", std::string(name)});
      i = close;
    } else {
      literal.push_back(text[i]);
    }
  }
  if (!literal.empty()) parsed.parts_.push_back({std::move(literal), ""});
  return parsed;
}

std::vector<std::string> TextTemplate::Arguments() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) AddOnce(part.path.substr(0, part.path.find('.')), names);
  return names;
}

bool TextTemplate::IsAbsentIn(const Json& arguments) const {
  if (parts_.size() != 1 || parts_[0].path.empty()) return false;
  const Json* value = FindDotted(arguments, parts_[0].path);
  return value == nullptr || value->is_null();
}

absl::StatusOr<std::string> TextTemplate::Render(const Json& arguments, Escape escape) const {
  std::string out;
  for (const Part& part : parts_) {
    if (part.path.empty()) {
      out += part.literal;
      continue;
    }
    const Json* value = FindDotted(arguments, part.path);
    if (value == nullptr || value->is_null() || value->is_structured()) {
      return absl::InvalidArgumentError(
          absl::StrCat("{", part.path, "}: needs a text, number or boolean, and has none"));
    }
    absl::StatusOr<std::string> escaped =
        escape(value->is_string() ? value->get_ref<const std::string&>() : CanonicalJson(*value));
    if (!escaped.ok()) return Annotate(escaped.status(), absl::StrCat("{", part.path, "}"));
    out += *escaped;
  }
  return out;
}

absl::StatusOr<JsonTemplate> JsonTemplate::Parse(Json value) {
  ONETAKE_RETURN_IF_ERROR(CheckPaths(value, 0));
  JsonTemplate parsed;
  parsed.value_ = std::move(value);
  return parsed;
}

std::vector<std::string> JsonTemplate::Arguments() const {
  std::vector<std::string> names;
  CollectArguments(value_, names);
  return names;
}

Json JsonTemplate::Render(const Json& arguments) const {
  return Fill(value_, arguments).value_or(nullptr);
}

}  // namespace onetake
