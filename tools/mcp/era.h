#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"
#include "tools/mcp/mcp_spec.h"

// The revision of the protocol in which a server is spoken to. Pure.
namespace onetake {

enum class McpEra {
  kModern,  // 2026-07-28: every request stands alone
  kLegacy,  // 2024-11-05 to 2025-11-25: a handshake, perhaps a session
};

inline constexpr absl::string_view kMcpModernVersion = "2026-07-28";
// The version proposed to a server of the handshake; it may choose an older one.
inline constexpr absl::string_view kMcpLegacyVersion = "2025-11-25";

// nullopt: a version that we do not speak.
std::optional<McpEra> EraOf(absl::string_view version);

// The answer to `server/discover`.
struct DiscoverAnswer {
  enum class Kind {
    kResult,
    kError,     // a JSON-RPC error, by whatever HTTP status
    kOther,     // an answer that is no JSON-RPC
    kSilence,   // none in time
    kNoServer,  // no connection, or it broke
  };
  Kind kind = Kind::kOther;
  Json body;            // result or error
  int http_status = 0;  // 0 over stdio
};

struct EraVerdict {
  enum class Kind {
    kModern,
    kModernAgain,  // it refused the first request only because of its version: ask again
    kLegacy,
    kFailed,
  };
  Kind kind = Kind::kFailed;
  std::string error;  // kFailed: why
};

// Judges as 2026-07-28 says: only an answer that a modern server alone would give makes it one. Any
// other answer means the handshake; over stdio silence does too.
EraVerdict JudgeDiscovery(const DiscoverAnswer& answer, McpServerSpec::Kind transport);

}  // namespace onetake
