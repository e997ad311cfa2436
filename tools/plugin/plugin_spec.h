#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/ip_address.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// A variable in a child's environment.
struct EnvironmentEntry {
  std::string name;
  std::string value;                // or:
  std::optional<SecretRef> secret;  // resolved when the child is started
};

// How a plugin is reached, from onetake.yaml; every path is absolute.
struct PluginSpec {
  enum class Kind {
    kNative,   // a shared library of tools/sdk
    kCommand,  // a gRPC plugin that onetaked starts, watches and starts again
    kAddress,  // a gRPC plugin that somebody else runs
  };
  enum class Isolation {
    kThreads,  // in this process: a plugin that crashes takes it down
    kProcess,  // in onetake-plugin-host: a plugin that crashes leaves an UNKNOWN
  };
  struct Tls {
    std::string ca_file;    // empty: the system's
    std::string cert_file;  // both or none: they prove who we are
    std::string key_file;
    std::string server_name;  // empty: the host of the address
  };

  std::string name;
  Kind kind = Kind::kCommand;

  std::string library;  // kNative
  std::string sha256;   // 64 lower-case hex digits of the library's bytes
  Isolation isolation = Isolation::kThreads;
  int threads = 4;                   // calls of it that run at once
  std::string settings_json = "{}";  // handed to the plugin when it is loaded

  std::vector<std::string> command;  // kCommand; the first is a path

  std::string address;     // kAddress: host:port, unix:/path
  std::optional<Tls> tls;  // absent: only for loopback and unix
  // The networks that the host of the address, when it is a name, may lead to besides public
  // addresses.
  std::vector<IpNetwork> allow_networks;

  // The environment of a child, for kCommand and Isolation::kProcess. Nothing else of ours is
  // inherited except PATH, HOME, LANG, TZ and TMPDIR.
  std::vector<EnvironmentEntry> environment;
  std::string log_file;  // what it writes to standard error is appended here; empty: dropped
};

}  // namespace onetake
