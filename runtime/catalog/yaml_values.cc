#include "runtime/catalog/yaml_values.h"

#include <unicode/utf8.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace onetake {
namespace {

constexpr absl::string_view kDurationAdvice = "write a number with a unit: 250ms, 4s, 2m, 24h";

bool IsUtf8(absl::string_view text) {
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c = 0;
    U8_NEXT(text.data(), at, size, c);
    if (c < 0) return false;
  }
  return true;
}

void SubstituteScalar(YamlNode& node, const std::string& field, const Environment& environment,
                      ManifestReport& report) {
  Substitution result = Substitute(node.text, environment);
  for (const std::string& fault : result.faults) report.Error(field, fault, "");
  if (result.faults.empty() && !IsUtf8(result.text)) {
    report.Error(field, "is not UTF-8 once the environment is put in", "");
    node.unusable = true;
  }
  if (!result.faults.empty()) node.unusable = true;
  node.text = std::move(result.text);
  node.substituted = result.substituted;
  if (result.substituted) report.Hide(field);
}

// A scalar whose number, boolean or duration may be read: "5" in quotes is a text, but quotes are
// needed around a ${NAME} in braces.
bool IsBare(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar &&
         (node.style == YamlNode::Style::kPlain || node.substituted);
}

absl::string_view KindName(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "empty";
    case YamlNode::Kind::kScalar: return "a single value";
    case YamlNode::Kind::kList: return "a list";
    case YamlNode::Kind::kMap: return "a mapping";
  }
  return "";
}

void ReportWrong(const YamlNode& node, const std::string& field, absl::string_view wanted,
                 absl::string_view advice, ManifestReport& report) {
  const std::string given = node.kind == YamlNode::Kind::kScalar ? report.Quote(field, node.text)
                                                                 : std::string(KindName(node));
  report.Error(field, absl::StrCat("is ", given, ", but must be ", wanted), advice);
}

void SkipDigits(absl::string_view& text) {
  while (!text.empty() && absl::ascii_isdigit(text[0])) text.remove_prefix(1);
}

// The grammar of RFC 8259.
bool IsJsonNumber(absl::string_view text) {
  const auto digits = [&text] {
    const size_t before = text.size();
    SkipDigits(text);
    return text.size() < before;
  };
  absl::ConsumePrefix(&text, "-");
  if (!absl::ConsumePrefix(&text, "0") && !digits()) return false;
  if (absl::ConsumePrefix(&text, ".") && !digits()) return false;
  if (absl::ConsumePrefix(&text, "e") || absl::ConsumePrefix(&text, "E")) {
    if (!absl::ConsumePrefix(&text, "+")) absl::ConsumePrefix(&text, "-");
    if (!digits()) return false;
  }
  return text.empty();
}

std::optional<Json> ReadBareScalar(const YamlNode& node, const std::string& field,
                                   ManifestReport& report) {
  const std::string& text = node.text;
  if (text == "null" || text == "~" || text.empty()) return Json(nullptr);
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);
  if (!IsJsonNumber(text)) return Json(text);
  Json number = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (number.is_discarded()) {
    report.Error(field, "is a number too large for JSON", "put it in quotes if it is a text");
    return std::nullopt;
  }
  return number;
}

}  // namespace

void SubstituteAll(YamlNode& node, const std::string& field, const Environment& environment,
                   ManifestReport& report) {
  report.Place(field, node.mark);
  if (node.kind == YamlNode::Kind::kScalar) {
    SubstituteScalar(node, field, environment, report);
  }
  for (size_t i = 0; i < node.list.size(); ++i) {
    SubstituteAll(node.list[i], FieldPath(field, i), environment, report);
  }
  for (YamlMember& member : node.map) {
    const std::string below = FieldPath(field, member.name);
    SubstituteAll(member.value, below, environment, report);
    report.Place(below, member.mark);
  }
}

std::optional<std::string> ReadText(const YamlNode& node, const std::string& field,
                                    ManifestReport& report) {
  if (node.unusable) return std::nullopt;
  if (node.kind == YamlNode::Kind::kScalar) return node.text;
  ReportWrong(node, field, "a text", "", report);
  return std::nullopt;
}

std::optional<int64_t> ReadInteger(const YamlNode& node, const std::string& field,
                                   ManifestReport& report) {
  if (node.unusable) return std::nullopt;
  int64_t value = 0;
  if (IsBare(node) && IsJsonNumber(node.text) && absl::SimpleAtoi(node.text, &value)) return value;
  ReportWrong(node, field, "a whole number", "write digits, without quotes", report);
  return std::nullopt;
}

std::optional<bool> ReadBoolean(const YamlNode& node, const std::string& field,
                                ManifestReport& report) {
  if (node.unusable) return std::nullopt;
  if (IsBare(node) && node.text == "true") return true;
  if (IsBare(node) && node.text == "false") return false;
  ReportWrong(node, field, "true or false", "write true or false, without quotes", report);
  return std::nullopt;
}

std::optional<absl::Duration> ReadDuration(const YamlNode& node, const std::string& field,
                                           ManifestReport& report) {
  if (node.unusable) return std::nullopt;
  absl::Duration value;
  // absl also takes a sign, "inf", and a bare "0", so the form is checked here.
  if (node.kind == YamlNode::Kind::kScalar && !node.text.empty() &&
      absl::ascii_isdigit(node.text[0]) && !absl::ascii_isdigit(node.text.back()) &&
      absl::ParseDuration(node.text, &value) && value != absl::InfiniteDuration()) {
    return value;
  }
  ReportWrong(node, field, "a duration", kDurationAdvice, report);
  return std::nullopt;
}

std::optional<Json> ReadJson(const YamlNode& node, const std::string& field,
                             ManifestReport& report) {
  if (node.unusable) return std::nullopt;
  bool good = true;
  switch (node.kind) {
    case YamlNode::Kind::kNull: return Json(nullptr);
    case YamlNode::Kind::kScalar:
      if (node.style == YamlNode::Style::kQuoted) return Json(node.text);
      return ReadBareScalar(node, field, report);
    case YamlNode::Kind::kList: {
      Json array = Json::array();
      for (size_t i = 0; i < node.list.size(); ++i) {
        std::optional<Json> element = ReadJson(node.list[i], FieldPath(field, i), report);
        good = good && element.has_value();
        if (good) array.push_back(*std::move(element));
      }
      return good ? std::optional<Json>(std::move(array)) : std::nullopt;
    }
    case YamlNode::Kind::kMap: {
      Json object = Json::object();
      for (const YamlMember& member : node.map) {
        std::optional<Json> value = ReadJson(member.value, FieldPath(field, member.name), report);
        good = good && value.has_value();
        if (good) object[member.name] = *std::move(value);
      }
      return good ? std::optional<Json>(std::move(object)) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace onetake
