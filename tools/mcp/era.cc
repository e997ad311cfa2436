#include "tools/mcp/era.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "tools/mcp/json_rpc.h"

namespace onetake {
namespace {

using Verdict = EraVerdict::Kind;

constexpr std::array<absl::string_view, 4> kLegacyVersions = {"2025-11-25", "2025-06-18",
                                                              "2025-03-26", "2024-11-05"};

// The member of `object` that lists versions.
const Json* Versions(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() && found->is_array() && !found->empty() ? &*found : nullptr;
}

EraVerdict Choose(const Json& versions, Verdict modern) {
  bool legacy = false;
  for (const Json& version : versions) {
    if (!version.is_string()) continue;
    const std::optional<McpEra> era = EraOf(version.get_ref<const std::string&>());
    if (era == McpEra::kModern) return {modern, ""};
    legacy = legacy || era == McpEra::kLegacy;
  }
  if (legacy) return {Verdict::kLegacy, ""};
  return {Verdict::kFailed, "the server speaks no version of MCP that we speak"};
}

EraVerdict JudgeError(const Json& error) {
  switch (RpcCode(error)) {
    case kMcpUnsupportedVersion: {
      const auto data = error.find("data");
      const Json* versions = data == error.end() ? nullptr : Versions(*data, "supported");
      if (versions != nullptr) return Choose(*versions, Verdict::kModernAgain);
      return {Verdict::kFailed, "the server speaks another version of MCP and does not say which"};
    }
    case kMcpHeaderMismatch:
    case kMcpMissingCapability: return {Verdict::kModern, ""};
    default: return {Verdict::kLegacy, ""};
  }
}

}  // namespace

std::optional<McpEra> EraOf(absl::string_view version) {
  if (version == kMcpModernVersion) return McpEra::kModern;
  const bool legacy =
      std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version) != kLegacyVersions.end();
  return legacy ? std::optional<McpEra>(McpEra::kLegacy) : std::nullopt;
}

EraVerdict JudgeDiscovery(const DiscoverAnswer& answer, McpServerSpec::Kind transport) {
  switch (answer.kind) {
    case DiscoverAnswer::Kind::kResult: {
      const Json* versions = Versions(answer.body, "supportedVersions");
      // Some servers of the handshake era answer whatever they are asked.
      return versions == nullptr ? EraVerdict{Verdict::kLegacy, ""}
                                 : Choose(*versions, Verdict::kModern);
    }
    case DiscoverAnswer::Kind::kError: return JudgeError(answer.body);
    case DiscoverAnswer::Kind::kOther: break;
    case DiscoverAnswer::Kind::kSilence:
      if (transport == McpServerSpec::Kind::kCommand) return {Verdict::kLegacy, ""};
      return {Verdict::kFailed, "the server does not answer"};
    case DiscoverAnswer::Kind::kNoServer: return {Verdict::kFailed, "the server cannot be reached"};
  }
  switch (answer.http_status) {
    case 401:
    case 403:
    case 429:
    case 502:
    case 503:
    case 504: return {Verdict::kFailed, absl::StrCat("HTTP ", answer.http_status)};
    default: return {Verdict::kLegacy, ""};
  }
}

}  // namespace onetake
