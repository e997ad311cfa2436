#include "runtime/catalog/yaml_writer.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kFlowColumns = 72;  // of a list or mapping that stays on one line
constexpr size_t kLongText = 80;     // from here on a text is folded

constexpr absl::string_view kFirst[] = {"type", "description", "format", "enum", "required"};

std::string Spaces(int count) { return std::string(static_cast<size_t>(count), ' '); }

bool IsWord(absl::string_view text) {
  static constexpr absl::string_view kTaken[] = {"null", "true", "false", "yes", "no",
                                                 "on",   "off",  "y",     "n"};
  if (text.empty() || !(absl::ascii_isalpha(text[0]) || text[0] == '_')) return false;
  return std::none_of(std::begin(kTaken), std::end(kTaken),
                      [&](absl::string_view taken) { return absl::EqualsIgnoreCase(text, taken); });
}

// 250ms, 24h
bool IsDuration(absl::string_view text) {
  const size_t unit = std::min(text.find_first_not_of("0123456789"), text.size());
  const absl::string_view name = text.substr(unit);
  return unit > 0 && (name == "ms" || name == "s" || name == "m" || name == "h");
}

// Whether a scalar may stand bare wherever it is: any reader of YAML takes it for plain text.
bool IsBare(absl::string_view text) {
  const bool path = absl::StartsWith(text, "$.") || text == "$" ||
                    (absl::StartsWith(text, "$") && IsWord(text.substr(1)));
  return (path || IsWord(text) || IsDuration(text)) && !absl::EndsWith(text, " ") &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || absl::StrContains(" $()+-./_", c);
         });
}

// The text in double quotes; JSON's escapes are YAML's too.
std::string Quoted(absl::string_view text) {
  return absl::StrReplaceAll(DumpJson(Json(text)), {{"\x7f", "\\x7F"}});
}

std::string Scalar(const Json& value) {
  if (!value.is_string()) return DumpJson(value);
  const std::string& text = value.get_ref<const std::string&>();
  return IsBare(text) ? text : Quoted(text);
}

std::vector<std::string> NamesInOrder(const Json& object) {
  std::vector<std::string> names;
  for (const absl::string_view first : kFirst) {
    if (object.contains(std::string(first))) names.emplace_back(first);
  }
  for (const auto& [name, unused] : object.items()) {
    if (std::find(std::begin(kFirst), std::end(kFirst), name) == std::end(kFirst)) {
      names.push_back(name);
    }
  }
  return names;
}

// The value on one line; objects within objects are for the block style.
std::string Flow(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_object()) {
    for (const std::string& name : NamesInOrder(value)) {
      parts.push_back(absl::StrCat(YamlName(name), ": ", Flow(value[name])));
    }
    return parts.empty() ? "{}" : absl::StrCat("{ ", absl::StrJoin(parts, ", "), " }");
  }
  if (!value.is_array()) return Scalar(value);
  for (const Json& element : value) parts.push_back(Flow(element));
  return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
}

bool HoldsContainers(const Json& value) {
  return std::any_of(value.begin(), value.end(),
                     [](const Json& child) { return child.is_structured() && !child.empty(); });
}

// Whether a text can stand in a block scalar and be read back from it.
bool IsBlockText(absl::string_view text) {
  return !text.empty() && !absl::StartsWith(text, " ") && !absl::StartsWith(text, "\n") &&
         !absl::EndsWith(text, "\n") && !absl::EndsWith(text, " ") &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return c != '\n' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
         });
}

// The lines of a text without line ends, broken at single spaces only: those come back when folded.
std::vector<std::string> Folded(absl::string_view text, size_t width) {
  std::vector<std::string> lines;
  while (text.size() > width) {
    size_t at = absl::string_view::npos;
    for (size_t i = 1; i + 1 < text.size() && (i <= width || at == absl::string_view::npos); ++i) {
      if (text[i] == ' ' && text[i - 1] != ' ' && text[i + 1] != ' ') at = i;
    }
    if (at == absl::string_view::npos) break;
    lines.emplace_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  lines.emplace_back(text);
  return lines;
}

size_t WidthAt(int indent) { return kColumns - std::min<size_t>(kColumns / 2, indent); }

std::string Text(const std::string& text, int indent) {
  const bool lines = absl::StrContains(text, '\n');
  if ((!lines && text.size() < kLongText) || !IsBlockText(text)) {
    return absl::StrCat(" ", Scalar(Json(text)), "\n");
  }
  std::string out = lines ? " |-\n" : " >-\n";
  const std::vector<std::string> pieces =
      lines ? std::vector<std::string>(absl::StrSplit(text, '\n')) : Folded(text, WidthAt(indent));
  if (!lines && pieces.size() == 1) return absl::StrCat(" ", Scalar(Json(text)), "\n");
  for (const std::string& piece : pieces) {
    absl::StrAppend(&out, piece.empty() ? "" : Spaces(indent), piece, "\n");
  }
  return out;
}

std::string List(const Json& list, int indent) {
  std::string out = "\n";
  for (const Json& element : list) {
    // The first line of a mapping stands beside its dash.
    std::string item = YamlValue(element, indent + 2);
    if (absl::StartsWith(item, "\n")) item = item.substr(static_cast<size_t>(indent) + 2);
    absl::StrAppend(&out, Spaces(indent), "-", item);
  }
  return out;
}

}  // namespace

std::string YamlName(absl::string_view name) {
  const bool digits = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isdigit(c);
  });
  return digits || (IsBare(name) && !absl::StrContains(name, ' ')) ? std::string(name)
                                                                   : Quoted(name);
}

std::string YamlValue(const Json& value, int indent) {
  if (value.is_string()) return Text(value.get<std::string>(), indent);
  if (!value.is_structured() || value.empty()) return absl::StrCat(" ", Flow(value), "\n");
  if (!HoldsContainers(value)) {
    const std::string flow = Flow(value);
    if (flow.size() <= kFlowColumns) return absl::StrCat(" ", flow, "\n");
  }
  if (value.is_array()) return List(value, indent);
  std::string out = "\n";
  for (const std::string& name : NamesInOrder(value)) {
    absl::StrAppend(&out, Spaces(indent), YamlName(name), ":", YamlValue(value[name], indent + 2));
  }
  return out;
}

std::string YamlComment(absl::string_view text, int indent) {
  std::string out;
  if (text.empty()) return out;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    std::string clean(absl::StripTrailingAsciiWhitespace(line));
    std::replace_if(
        clean.begin(), clean.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    for (const std::string& piece : Folded(clean, WidthAt(indent + 2))) {
      absl::StrAppend(&out, Spaces(indent), piece.empty() ? "#" : "# ", piece, "\n");
    }
  }
  return out;
}

}  // namespace onetake
