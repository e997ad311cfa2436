#include "tools/openapi/request_body.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

// The media type without parameters, in lower case: "application/json" for "application/json;
// charset=utf-8".
std::string Essence(absl::string_view media_type) {
  return std::string(absl::StripAsciiWhitespace(
      absl::AsciiStrToLower(media_type.substr(0, media_type.find(';')))));
}

bool IsJson(const std::string& essence) {
  return essence == "application/json" || absl::EndsWith(essence, "+json") || essence == "*/*" ||
         essence == "application/*";
}

bool IsText(const std::string& essence) {
  return absl::StartsWith(essence, "text/") || essence == "application/xml" ||
         absl::EndsWith(essence, "+xml");
}

std::vector<std::string> NamesOf(const Json& content) {
  std::vector<std::string> names;
  if (content.is_object()) {
    for (const auto& [name, unused] : content.items()) names.push_back(name);
  }
  return names;
}

// Finds the first that fits; plain application/json comes before its relatives.
template <typename Fits>
std::string FirstOf(const std::vector<std::string>& names, Fits fits) {
  std::string found;
  for (const std::string& name : names) {
    if (Essence(name) == "application/json" && fits(Essence(name))) return name;
    if (found.empty() && fits(Essence(name))) found = name;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::optional<BodyContent>> ChooseContent(const OpenApiDescription& description,
                                                         const Json& body) {
  const Json* content = MemberOf(body, "content");
  if (content == nullptr || content->empty()) return std::nullopt;
  const std::vector<std::string> names = NamesOf(*content);
  BodyContent chosen{.media_type = FirstOf(names, IsJson)};
  if (chosen.media_type.empty()) {
    chosen.kind = BodyContent::Kind::kForm;
    chosen.media_type = FirstOf(names, [](const std::string& essence) {
      return essence == "application/x-www-form-urlencoded";
    });
  }
  if (chosen.media_type.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes a body of ", absl::StrJoin(names, ", "),
                     ", and manifests send JSON and application/x-www-form-urlencoded"));
  }
  ONETAKE_ASSIGN_OR_RETURN(const Json* media, description.Resolve(content->at(chosen.media_type)));
  const Json* schema = MemberOf(*media, "schema");
  chosen.schema = schema == nullptr ? Json::object() : *schema;
  const Json* encoding = MemberOf(*media, "encoding");
  if (encoding != nullptr) chosen.encoding = *encoding;
  if (absl::StrContains(chosen.media_type, '*')) chosen.media_type = "application/json";
  return chosen;
}

absl::StatusOr<AnswerContent> ChooseAnswer(const OpenApiDescription& description,
                                           const Json& responses) {
  if (!responses.is_object()) return AnswerContent{};
  std::vector<std::string> names;
  for (const auto& [status, given] : responses.items()) {
    if (!absl::StartsWith(status, "2") && status != "default") continue;
    ONETAKE_ASSIGN_OR_RETURN(const Json* response, description.Resolve(given));
    const Json* content = MemberOf(*response, "content");
    const bool counts = content != nullptr && (status != "default" || names.empty());
    if (!counts) continue;
    for (std::string& name : NamesOf(*content)) names.push_back(std::move(name));
  }
  if (names.empty()) return AnswerContent{};
  const std::string json = FirstOf(names, IsJson);
  if (!json.empty()) {
    const bool plain = Essence(json) == "application/json" || absl::StrContains(json, '*');
    return AnswerContent{.accept = plain ? "" : json};
  }
  const std::string text = FirstOf(names, IsText);
  if (!text.empty()) return AnswerContent{.kind = AnswerContent::Kind::kText, .accept = text};
  return absl::InvalidArgumentError(absl::StrCat("answers with ", absl::StrJoin(names, ", "),
                                                 ", which is neither JSON nor text"));
}

}  // namespace onetake
