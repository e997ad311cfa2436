#include "tools/http/parameters.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

void AppendPair(absl::string_view name, absl::string_view encoded_value, ParameterCoding coding,
                std::string& out) {
  absl::StrAppend(&out, out.empty() ? "" : "&", EncodeParameter(name, coding), "=", encoded_value);
}

std::string TextOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : CanonicalJson(value);
}

absl::Status CheckScalar(const Json& value) {
  if (!value.is_structured() && !value.is_null()) return absl::OkStatus();
  return absl::InvalidArgumentError("needs a text, number or boolean, or a list of them");
}

// Appends a[k]=1&a[l][0]=2.
absl::Status AppendDeep(const std::string& name, const Json& value, ParameterCoding coding,
                        std::string& out) {
  if (value.is_null()) return absl::OkStatus();
  if (!value.is_structured()) {
    AppendPair(name, EncodeParameter(TextOf(value), coding), coding, out);
    return absl::OkStatus();
  }
  for (const auto& [key, child] : value.items()) {
    ONETAKE_RETURN_IF_ERROR(AppendDeep(absl::StrCat(name, "[", key, "]"), child, coding, out));
  }
  return absl::OkStatus();
}

// Appends a=1,2.
absl::Status AppendJoined(const Parameter& parameter, absl::string_view separator,
                          ParameterCoding coding, std::string& out) {
  std::vector<std::string> pieces;
  for (const Json& element : parameter.value) {
    ONETAKE_RETURN_IF_ERROR(CheckScalar(element));
    pieces.push_back(EncodeParameter(TextOf(element), coding));
  }
  if (!pieces.empty()) AppendPair(parameter.name, absl::StrJoin(pieces, separator), coding, out);
  return absl::OkStatus();
}

// Appends a=1&a=2.
absl::Status AppendRepeated(const Parameter& parameter, const std::string& name,
                            ParameterCoding coding, std::string& out) {
  for (const Json& element : parameter.value) {
    ONETAKE_RETURN_IF_ERROR(CheckScalar(element));
    AppendPair(name, EncodeParameter(TextOf(element), coding), coding, out);
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeParameter(absl::string_view text, ParameterCoding coding) {
  const bool form = coding == ParameterCoding::kForm;
  std::string out;
  for (const char c : text) {
    const bool kept = absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
    if (kept || c == (form ? '*' : '~')) {
      out.push_back(c);
    } else if (form && c == ' ') {
      out.push_back('+');
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

absl::Status AppendParameter(const Parameter& parameter, ParameterCoding coding, std::string& out) {
  const Json& value = parameter.value;
  const std::string name(parameter.name);
  if (value.is_null()) return absl::OkStatus();
  if (!value.is_structured() || parameter.style == ParameterStyle::kJson) {
    AppendPair(name, EncodeParameter(TextOf(value), coding), coding, out);
    return absl::OkStatus();
  }
  if (parameter.style == ParameterStyle::kDeepObject) return AppendDeep(name, value, coding, out);
  ONETAKE_RETURN_IF_ERROR(value.is_array() ? absl::OkStatus() : CheckScalar(value));
  switch (parameter.style) {
    case ParameterStyle::kComma:
      // A comma that separates elements stands bare in a query; one within an element never does.
      return AppendJoined(parameter, coding == ParameterCoding::kQuery ? "," : "%2C", coding, out);
    case ParameterStyle::kSpace:
      return AppendJoined(parameter, EncodeParameter(" ", coding), coding, out);
    case ParameterStyle::kPipe: return AppendJoined(parameter, "%7C", coding, out);
    case ParameterStyle::kBrackets:
      return AppendRepeated(parameter, absl::StrCat(name, "[]"), coding, out);
    case ParameterStyle::kRepeat:
    case ParameterStyle::kDeepObject:
    case ParameterStyle::kJson: break;
  }
  return AppendRepeated(parameter, name, coding, out);
}

}  // namespace onetake
