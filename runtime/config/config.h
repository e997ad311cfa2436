#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/access/access.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/config/limits_config.h"
#include "runtime/config/sealing_config.h"
#include "runtime/config/secret_source.h"
#include "runtime/config/tls_config.h"
#include "runtime/ledger/checkpoint_options.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/ledger/restoration.h"
#include "tools/mcp/mcp_spec.h"
#include "tools/plugin/plugin_spec.h"

namespace onetake {

// What onetake.yaml says, checked and with every path absolute:
//
//   listen: 127.0.0.1:7171             # or unix:/run/onetake/onetake.sock; port 0 takes a free
//   one;
//                                      # an address that other machines reach needs tls
//   listen_group: onetake              # whose members may connect to that Unix socket, too
//   tls: { certificate: ./server.crt, key: ./server.key }   # tls_config.h has the fields
//   access: { tokens: ./onetake.tokens }   # or open; access_config.h has the fields
//   reflection: auto                   # on, off; auto: on where only this machine can ask
//   ledger: { path: ./onetake.db, indexed_attributes: [caller_phone] }
//                                      # attributes of calls that `onetake ledger list --attribute`
//                                      # may ask by; kept as digests only. At most 16
//                                      # and { checkpoints: {...} }: checkpoint_config.h
//   tools: [./tools.d]                 # folders of manifests
//   watch_tools: true                  # read them again when a file in them changes; false: by
//                                      # SIGHUP only
//   intent_key: { file: ./onetake.key }   # or { env: NAME }; the secret behind every intent key
//   sealing: { master: { file: ./onetake.master } }   # or off; sealing_config.h has the fields
//   retention: { bodies: 720h }        # retention_config.h has the fields
//   tenant: default                    # of everybody, under access: open
//   limits: { in_flight: 4096 }        # calls at once; more get RESOURCE_EXHAUSTED
//                                      # limits_config.h has the fields
//   drain_grace: 10s                   # how long running attempts may take to settle at a stop
//   metrics: { listen: 127.0.0.1:9464 }   # Prometheus, GET /metrics; absent: none
//   plugins: { pms: { command: [./pms_plugin] } }   # plugin_config.h has the fields
//   mcp_servers: { crm: { url: "https://crm.example.com/mcp" } }   # mcp_config.h has the fields
//   log_level: info                    # debug, info, warning, error
//
// `ledger` and `tools` are required.
struct ServerConfig {
  std::string listen;        // as ParseListenAddress() returns it
  std::string listen_group;  // empty: a Unix socket is its owner's alone
  TlsConfig tls;
  AccessRules access;
  enum class Reflection { kOff, kOn } reflection = Reflection::kOn;
  std::string ledger_path;
  RestoredLedger restored = RestoredLedger::kRefuse;  // from the command line
  CheckpointOptions checkpoints;                      // with the names of its files
  std::vector<std::string> indexed_attributes;
  std::vector<std::string> tool_folders;
  bool watch_tools = true;
  SecretSource intent_key;
  SealingConfig sealing;
  AgeRules retention;
  LimitsConfig limits;
  absl::Duration drain_grace = absl::Seconds(10);
  std::string metrics_listen;  // empty: no metrics are served
  std::vector<PluginSpec> plugins;
  std::vector<McpServerSpec> mcp_servers;
  LogLevel log_level = LogLevel::kInfo;
  // The text of each section, in one form however it is written: a reload compares it to see what
  // was changed.
  std::map<std::string, std::string> sections;
};

// Strict: an unknown or repeated field, a wrong type or a value out of range is an error. All
// faults are reported at once, one a line, as "FILE:LINE: field: what is wrong; what would be
// right". Relative paths are relative to the folder of `file_name`. INVALID_ARGUMENT only.
absl::StatusOr<ServerConfig> ParseConfig(absl::string_view text, absl::string_view file_name);

// Every field that the parser has looked for in that text, by its full name.
std::set<std::string> KnownConfigFields(absl::string_view text);

// Reads and parses. NOT_FOUND when the file cannot be read.
absl::StatusOr<ServerConfig> LoadConfig(const std::string& file_name);

}  // namespace onetake
