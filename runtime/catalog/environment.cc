#include "runtime/catalog/environment.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

// Replaces a reference whose text within the braces is `inside`.
void Resolve(absl::string_view inside, const Environment& environment, Substitution& result) {
  const size_t dash = inside.find(":-");
  const std::string name(inside.substr(0, dash));
  if (!IsVariableName(name)) {
    result.faults.emplace_back(
        "has ${...} without the name of a variable in it; write ${NAME}, ${NAME:-default}, or $${ "
        "for a literal ${");
    return;
  }
  const std::optional<std::string> value = environment(name);
  if (dash == absl::string_view::npos) {
    if (!value.has_value()) {
      result.faults.emplace_back(absl::StrCat("needs the environment variable ", name,
                                              ", which is not set; set it, or write ${", name,
                                              ":-default}"));
      return;
    }
    result.text += *value;
    return;
  }
  if (value.has_value() && !value->empty()) {
    result.text += *value;
  } else {
    absl::StrAppend(&result.text, inside.substr(dash + 2));
  }
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

bool IsVariableName(absl::string_view name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  return true;
}

Substitution Substitute(absl::string_view text, const Environment& environment) {
  Substitution result;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    absl::StrAppend(&result.text, text.substr(0, dollar));
    if (dollar == absl::string_view::npos) break;
    text.remove_prefix(dollar);
    if (absl::StartsWith(text, "$${")) {
      result.text += "${";
      text.remove_prefix(3);
    } else if (absl::StartsWith(text, "${")) {
      const size_t end = text.find('}');
      if (end == absl::string_view::npos) {
        result.faults.emplace_back(
            "has ${ without a closing }; write ${NAME}, or $${ for a literal ${");
        break;
      }
      Resolve(text.substr(2, end - 2), environment, result);
      result.substituted = true;
      text.remove_prefix(end + 1);
    } else {
      result.text += '$';
      text.remove_prefix(1);
    }
  }
  return result;
}

}  // namespace onetake
