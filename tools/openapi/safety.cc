#include "tools/openapi/safety.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/openapi/key.h"

namespace onetake {
namespace {

std::optional<bool> Hint(const OpenApiOperation& operation, absl::string_view name) {
  const Json* hint = MemberOf(operation.annotations, name);
  if (hint == nullptr || !hint->is_boolean()) return std::nullopt;
  return hint->get<bool>();
}

}  // namespace

ProposedEffect EffectOf(const OpenApiOperation& operation) {
  const bool reads = operation.method == "GET" || operation.method == "HEAD";
  const std::optional<bool> hint = Hint(operation, "readOnlyHint");
  if (!hint.has_value() || *hint == reads) {
    return {.effect = reads ? Effect::kRead : Effect::kWrite, .reason = ""};
  }
  if (*hint) {
    return {.effect = Effect::kRead,
            .reason = absl::StrCat("By x-mcp-annotations: readOnlyHint is true. By its verb, ",
                                   operation.method,
                                   ", it would be a WRITE. A READ is sent again after every "
                                   "failure: is it true that it changes nothing?")};
  }
  return {
      .effect = Effect::kWrite,
      .reason = absl::StrCat("By x-mcp-annotations: readOnlyHint is false, although the verb is ",
                             operation.method, ".")};
}

ProposedNatural NaturalOf(const OpenApiOperation& operation, HasKey has_key) {
  const bool verb = operation.method == "PUT" || operation.method == "DELETE";
  const std::optional<bool> hint = Hint(operation, "idempotentHint");
  if (hint == true && has_key == HasKey::kYes && !verb) {
    return {.is_question = true,
            .reason =
                "By x-mcp-annotations: idempotentHint is true, maybe only because of the "
                "key. With this a write is sent again when the key is forgotten too, so "
                "keep it out unless the same request under another key leaves the same "
                "state."};
  }
  if (hint.has_value()) {
    return {.natural = *hint,
            .reason = absl::StrCat("By x-mcp-annotations: idempotentHint is ",
                                   *hint ? "true" : "false", ".")};
  }
  if (!verb) return {};
  return {.natural = true,
          .reason = absl::StrCat("By its verb: the same ", operation.method,
                                 " again leaves the same state (RFC 9110, 9.2.2). Is that so "
                                 "here? If it counts, appends or notifies, take this out.")};
}

std::optional<std::string> RetentionOf(const OpenApiOperation& operation,
                                       const DocumentedKey& key) {
  if (const auto said = RetentionIn(key.description)) return said;
  // Only those sentences of the operation's own words count that are about keys.
  for (const absl::string_view sentence : absl::StrSplit(operation.description, ". ")) {
    if (!absl::StrContains(absl::AsciiStrToLower(sentence), "idempoten")) continue;
    if (const auto said = RetentionIn(sentence)) return said;
  }
  return std::nullopt;
}

}  // namespace onetake
