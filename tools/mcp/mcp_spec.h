#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/catalog/tool.h"

namespace onetake {

// How an MCP server is reached, from onetake.yaml; every path is absolute.
struct McpServerSpec {
  enum class Kind {
    kHttp,     // Streamable HTTP
    kCommand,  // stdio: a program that onetaked starts, watches and starts again
  };
  enum class Era {
    kAuto,
    kModern,  // 2026-07-28, without asking
    kLegacy,  // the handshake, without asking
  };
  // A value, or a secret that is resolved whenever it is used.
  struct Value {
    std::string name;  // the header's or variable's
    std::string text;  // or, behind `prefix`:
    std::optional<SecretRef> secret;
    std::string prefix;
  };

  std::string name;
  Kind kind = Kind::kHttp;
  Era era = Era::kAuto;

  std::string url;                        // kHttp
  std::vector<Value> headers;             // kHttp
  std::vector<IpNetwork> allow_networks;  // kHttp: besides the public ones

  std::vector<std::string> command;  // kCommand; the first is a path, or looked for in PATH
  std::vector<Value> environment;    // kCommand; besides PATH, HOME, LANG, TZ and TMPDIR of ours
  std::string log_file;              // its standard error is appended; empty: dropped
};

}  // namespace onetake
