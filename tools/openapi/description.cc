#include "tools/openapi/description.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"
#include "runtime/catalog/yaml_json.h"

namespace onetake {
namespace {

constexpr size_t kBytesMax = 16 * 1024 * 1024;
constexpr int kDepthMax = 100;
constexpr int kRefsMax = 32;  // that lead to one another

constexpr JsonLimits kJson = {.bytes = kBytesMax,
                              .depth = kDepthMax,
                              .keys = kBytesMax,
                              .string_bytes = kBytesMax,
                              .big_integers = JsonLimits::BigIntegers::kRound};

absl::StatusOr<Json> Parse(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  const absl::string_view trimmed = absl::StripLeadingAsciiWhitespace(text);
  if (absl::StartsWith(trimmed, "{")) return ParseJson(trimmed, kJson);
  return JsonFromYaml(text, {.bytes = kBytesMax, .depth = kDepthMax});
}

// Decodes a fragment of a URI: %XX, and then it is a JSON pointer (RFC 6901, section 6).
std::string Unescape(absl::string_view fragment) {
  std::string out;
  for (size_t i = 0; i < fragment.size(); ++i) {
    if (fragment[i] == '%' && i + 2 < fragment.size() && absl::ascii_isxdigit(fragment[i + 1]) &&
        absl::ascii_isxdigit(fragment[i + 2])) {
      out += absl::HexStringToBytes(fragment.substr(i + 1, 2));
      i += 2;
    } else {
      out.push_back(fragment[i]);
    }
  }
  return out;
}

absl::StatusOr<const Json*> Follow(const Json& root, const std::string& reference) {
  if (!absl::StartsWith(reference, "#")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "$ref ", reference, " leads out of the description: bundle it into one file first"));
  }
  try {
    const nlohmann::json_pointer<std::string> pointer(Unescape(reference.substr(1)));
    if (root.contains(pointer)) return &root.at(pointer);
  } catch (const Json::exception&) {
    // It is no pointer at all; the error is told below.
  }
  return absl::InvalidArgumentError(absl::StrCat("$ref ", reference, " leads nowhere"));
}

}  // namespace

const Json* MemberOf(const Json& node, absl::string_view name) {
  if (!node.is_object()) return nullptr;
  const auto found = node.find(std::string(name));
  return found == node.end() ? nullptr : &*found;
}

std::string TextOf(const Json& node, absl::string_view name) {
  const Json* member = MemberOf(node, name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

Flag FlagOf(const Json& node, absl::string_view name) {
  const Json* member = MemberOf(node, name);
  return member != nullptr && *member == Json(true) ? Flag::kSet : Flag::kUnset;
}

absl::StatusOr<OpenApiDescription> OpenApiDescription::Read(absl::string_view text) {
  absl::StatusOr<Json> root = Parse(text);
  if (!root.ok()) return Annotate(root.status(), "the description");
  const std::string version = TextOf(*root, "openapi");
  if (root->is_object() && root->contains("swagger")) {
    return absl::InvalidArgumentError(
        "the description is of Swagger 2.0: convert it to OpenAPI 3 first");
  }
  if (!absl::StartsWith(version, "3.0") && !absl::StartsWith(version, "3.1")) {
    return absl::InvalidArgumentError(
        "openapi: must be 3.0.x or 3.1.x, at the top of the description");
  }
  const Json* paths = MemberOf(*root, "paths");
  if (paths == nullptr || !paths->is_object()) {
    return absl::InvalidArgumentError("paths: is missing, so there is nothing to import");
  }
  return OpenApiDescription(*std::move(root),
                            absl::StartsWith(version, "3.0") ? Version::k30 : Version::k31);
}

OpenApiDescription OpenApiDescription::OfSchema(Json schema) {
  return OpenApiDescription(std::move(schema), Version::k31);
}

absl::StatusOr<const Json*> OpenApiDescription::Resolve(const Json& node) const {
  const Json* here = &node;
  for (int i = 0; i < kRefsMax; ++i) {
    const Json* reference = MemberOf(*here, "$ref");
    if (reference == nullptr || !reference->is_string()) return here;
    ONETAKE_ASSIGN_OR_RETURN(here, Follow(root_, reference->get<std::string>()));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("$ref ", TextOf(node, "$ref"), " leads back to itself"));
}

std::string OpenApiDescription::title() const {
  const Json* info = MemberOf(root_, "info");
  return info == nullptr ? "" : TextOf(*info, "title");
}

}  // namespace onetake
