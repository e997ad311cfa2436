#include "runtime/catalog/manifest_writer.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "runtime/catalog/yaml_writer.h"

namespace onetake {
namespace {

constexpr int kStep = 2;

// The loader replaces ${NAME} in every value, but not in names.
Json WithLiteralDollars(const Json& value) {
  if (value.is_string()) {
    return absl::StrReplaceAll(value.get_ref<const std::string&>(), {{"${", "$${"}});
  }
  Json copy = value;
  if (!copy.is_structured()) return copy;
  for (Json& child : copy) child = WithLiteralDollars(child);
  return copy;
}

// Every line becomes a comment at the place where it would stand.
std::string CommentedOut(absl::string_view text, int indent) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  std::string out;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(line, margin)) line.remove_prefix(margin.size());
    absl::StrAppend(&out, margin, "# ", line, "\n");
  }
  return out;
}

std::string Field(const ManifestField& field, int indent) {
  std::string body =
      absl::StrCat(std::string(static_cast<size_t>(indent), ' '), YamlName(field.name), ":");
  if (field.fields.empty()) {
    const bool literal = field.dollars == ManifestField::Dollars::kLiteral;
    absl::StrAppend(
        &body, YamlValue(literal ? WithLiteralDollars(field.value) : field.value, indent + kStep));
  } else {
    absl::StrAppend(&body, "\n");
    for (const ManifestField& below : field.fields) {
      absl::StrAppend(&body, Field(below, indent + kStep));
    }
  }
  if (field.form == ManifestField::Form::kCommentedOut) body = CommentedOut(body, indent);
  return absl::StrCat(YamlComment(field.comment, indent), body);
}

}  // namespace

std::string WriteManifest(absl::string_view heading, const std::vector<ManifestField>& fields) {
  std::string out = YamlComment(heading, 0);
  for (const ManifestField& field : fields) absl::StrAppend(&out, Field(field, 0));
  return out;
}

}  // namespace onetake
