#include "runtime/config/config_reference.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr ConfigField::Change kLive = ConfigField::Change::kLive;

constexpr ConfigField kFields[] = {
    {"listen", "IP:PORT or unix:PATH; port 0 takes a free one", "127.0.0.1:7171",
     "where gRPC clients connect; an address that is not loopback needs tls. 0.0.0.0 is all of "
     "IPv4, [::] all of IPv6 and IPv4"},
    {"listen_group", "name of a group, of which onetaked's user is a member", "none",
     "whose members may connect to the Unix socket of listen too; without it, only its owner"},
    {"tls", "map", "none", "TLS of the gRPC listener"},
    {"tls.certificate", "PEM file", "required",
     "the server's certificate with its chain; a new file in its place is used within 5 s"},
    {"tls.key", "PEM file, no pass phrase, of root or of the user onetaked runs as, mode 0600",
     "required",
     "the certificate's key; its group may read it (0640) if that is the primary group of that "
     "user"},
    {"tls.client_ca", "PEM file", "none", "what client certificates are checked by (mTLS)"},
    {"tls.clients", "required or optional", "required, with client_ca",
     "whether every client must show a certificate, or may come with a token instead"},
    {"access", "map, or open", "{ tokens: ./onetake.tokens }",
     "who may call; open: everybody who reaches a loopback address or a Unix socket, as one "
     "tenant with every role",
     kLive},
    {"access.tokens", "file", "./onetake.tokens",
     "tokens, made by `onetake token`; a change is noticed within two seconds"},
    {"access.certificates", "list of at most 256 maps", "none",
     "who a client certificate is; needs tls.client_ca", kLive},
    {"access.certificates.name", "at most 255 bytes", "required",
     "a DNS name or URI of its subject alternative names, or its common name when it has none",
     kLive},
    {"access.certificates.tenant", "1 to 64 of [A-Za-z0-9_.-]", "required",
     "whose data its calls are about", kLive},
    {"access.certificates.roles", "list of execute, audit, unseal, operate", "required",
     "what it may do", kLive},
    {"access.tenants", "map of 1 to 1024 tenants", "none: all tenants of credentials",
     "tenants that there are; others are denied", kLive},
    {"access.tenants.NAME.tools", "list of tools, or all", "required", "tools that it may use",
     kLive},
    {"reflection", "auto, on or off", "auto",
     "whether gRPC reflection tells everybody who reaches the listener, with or without a "
     "credential, what services there are; auto: where that is loopback or a Unix socket"},
    {"tenant", "1 to 64 of [A-Za-z0-9_.-]", "default",
     "whose data it is, with access: open; otherwise the credential says so"},
    {"tools", "list of folders", "required", "where the manifests are"},
    {"watch_tools", "true or false", "true",
     "whether manifests are read again when a file changes; SIGHUP does it always"},
    {"ledger", "map", "required", "the record of every write"},
    {"ledger.path", "file", "required", "the SQLite database; a local disk that honours fsync"},
    {"ledger.checkpoints", "map", "all defaults", "signed checkpoints of the chain of events"},
    {"ledger.checkpoints.path", "file", "ledger.path and .checkpoints",
     "where they are appended; better on another disk"},
    {"ledger.checkpoints.key_file", "PEM file", "ledger.path and .signing-key",
     "the Ed25519 key that signs them; made at the first start"},
    {"ledger.checkpoints.every_events", "1 to 1000000", "1000",
     "one at least every so many events"},
    {"ledger.checkpoints.every", "duration, 100ms..24h", "60s", "... and after so long"},
    {"ledger.checkpoints.syslog", "true or false", "false",
     "each one also to syslog, authpriv.notice"},
    {"ledger.indexed_attributes", "list of at most 16 names of 64 bytes", "[]",
     "attributes of calls that can be asked and erased by; kept as keyed digests"},
    {"intent_key", "{ file: PATH } or { env: NAME }", "{ file: ./onetake.key }",
     "the secret that intents' keys are derived with; made at the first start. A lost one means "
     "other keys for the same intents"},
    {"intent_key.file", "file of 32 bytes or more, mode 0600", "./onetake.key", "the secret"},
    {"intent_key.env", "name of a variable", "none", "the secret"},
    {"sealing", "map, on, or off", "on", "whether what callers said is sealed at rest"},
    {"sealing.master", "{ file: PATH }, { env: NAME } or { command: [PROGRAM] }",
     "{ file: ./onetake.master }",
     "the key that wraps the keys; made at the first start. A lost one means lost arguments and "
     "results. A new one is taken over on SIGHUP",
     kLive},
    {"sealing.master.file", "file of 32 bytes or more, mode 0600", "./onetake.master", "the key",
     kLive},
    {"sealing.master.env", "name of a variable", "none",
     "the key; a running process keeps its own"},
    {"sealing.master.command", "list: absolute path, arguments; 30 s", "none",
     "a program that prints the key", kLive},
    {"sealing.previous", "list of what master may be", "[]",
     "earlier master keys, until the log says sealing.rotated; a backup of before that still needs "
     "its own",
     kLive},
    {"sealing.rotate_every", "duration, 1h..87600h", "2160h", "life of a tenant's data key"},
    {"retention", "map", "all defaults",
     "how long what is kept; a clock set a day ahead or more is believed after 72 h of running"},
    {"retention.bodies", "duration, 1h..876000h", "720h",
     "arguments, request and result of a settled write; its outcome and digest stay"},
    {"retention.skeletons", "duration, 720h..876000h, not below bodies", "52560h",
     "what is left of a settled write, its calls and events: who, what, when, with which outcome"},
    {"retention.hold", "map", "none", "legal hold: what is kept whole, whatever its age"},
    {"retention.hold.sessions", "list of session ids", "[]",
     "these conversations, and what their calls met"},
    {"retention.hold.tools", "list of tools", "[]", "writes of these tools"},
    {"retention.hold.intents", "list of whole intent ids", "[]", "these intents"},
    {"limits", "map", "all defaults",
     "what is beyond them is RESOURCE_EXHAUSTED at once, before anything is recorded", kLive},
    {"limits.in_flight", "1 to 100000", "4096", "calls at once, of all tenants", kLive},
    {"limits.downstream_in_flight", "1 to 4096", "256",
     "attempts at one downstream (a host, a plugin, an MCP server), unless a manifest says another "
     "number; calls for more are refused, unclaimed"},
    {"limits.connections", "1 to 100000", "4096",
     "open connections, of one address (of IPv6: one /64) at most half of them, and no more than a "
     "quarter of the descriptors the process may have; one too many is closed",
     kLive},
    {"limits.sessions", "1 to 100000", "4096", "open Session streams, of all tenants", kLive},
    {"limits.tenant", "map", "none", "of each tenant", kLive},
    {"limits.tenant.in_flight", "1 to 100000", "limits.in_flight", "calls at once", kLive},
    {"limits.tenant.rate", "1 to 1000000 a second", "no limit", "calls begun, on the average",
     kLive},
    {"limits.tenant.burst", "1 to 1000000", "twice the rate", "calls begun at once after a pause",
     kLive},
    {"limits.tenant.sessions", "1 to 100000", "2048", "open Session streams", kLive},
    {"limits.tenant.watchers", "1 to 64", "32",
     "open WatchEvents streams; of all tenants there are 64 at most", kLive},
    {"drain_grace", "duration, 0s..10m", "10s",
     "how long running attempts may take to settle at a stop"},
    {"metrics", "map", "none", "the Prometheus endpoint, GET /metrics"},
    {"metrics.listen", "loopback IP:PORT", "required", "where it is"},
    {"log_level", "debug, info, warning or error", "info", "what is logged, on standard error",
     kLive},
    {"plugins", "map of NAME to one of native, command, address", "none",
     "code behind tools with `plugin:`"},
    {"plugins.NAME.native", "shared library", "none", "loaded into this process"},
    {"plugins.NAME.sha256", "64 hex digits", "required, with native",
     "of the library: no other file is loaded"},
    {"plugins.NAME.isolation", "threads or process", "threads",
     "whether a fault of the library can end this process"},
    {"plugins.NAME.threads", "1 to 64", "4", "calls of the library that run at once"},
    {"plugins.NAME.settings", "map", "{}", "handed to the library as JSON"},
    {"plugins.NAME.command", "list: program, arguments", "none",
     "a gRPC plugin that is started and watched over"},
    {"plugins.NAME.address", "HOST:PORT or unix:PATH", "none", "a gRPC plugin that runs already"},
    {"plugins.NAME.tls", "map", "none; required unless loopback", "TLS to that address"},
    {"plugins.NAME.tls.ca_file", "PEM file", "the system's", "what its certificate is checked by"},
    {"plugins.NAME.tls.cert_file", "PEM file", "none", "our certificate; with key_file"},
    {"plugins.NAME.tls.key_file", "PEM file", "none", "its key"},
    {"plugins.NAME.tls.server_name", "name", "the address's", "the name that it must have"},
    {"plugins.NAME.allow_networks", "list of networks, loopback, private", "[]",
     "that the name in the address may lead to besides public addresses"},
    {"plugins.NAME.environment", "map of NAME to text or { secret: ... }", "{}",
     "variables of the program"},
    {"plugins.NAME.log_file", "file", "none", "where the program's standard error goes"},
    {"mcp_servers", "map of NAME to one of url, command", "none",
     "MCP servers behind tools with `mcp:`"},
    {"mcp_servers.NAME.url", "https URL; http for this machine, or in allow_networks", "none",
     "its one endpoint"},
    {"mcp_servers.NAME.allow_networks", "list of networks, loopback, private", "[]",
     "that it may be in besides the public ones"},
    {"mcp_servers.NAME.headers", "map of NAME to text or { secret: ..., prefix: TEXT }", "{}",
     "sent with every request"},
    {"mcp_servers.NAME.command", "list: program, arguments", "none", "started, spoken to by stdio"},
    {"mcp_servers.NAME.environment", "map of NAME to text or { secret: ... }", "{}",
     "variables of the program"},
    {"mcp_servers.NAME.log_file", "file", "none", "where the program's standard error goes"},
    {"mcp_servers.NAME.era", "auto, 2026-07-28 or legacy", "auto", "how the server is spoken to"},
};

bool IsAsked(absl::string_view path, absl::string_view which) {
  return which.empty() || path == which ||
         (absl::StartsWith(path, which) && path[which.size()] == '.');
}

}  // namespace

absl::Span<const ConfigField> ConfigReference() { return kFields; }

std::string ExplainConfig(absl::string_view which) {
  std::string text;
  for (const ConfigField& field : kFields) {
    if (!IsAsked(field.path, which)) continue;
    absl::StrAppend(&text, field.path, "\n    ", field.meaning, "\n    values:  ", field.values,
                    "\n    default: ", field.preset,
                    "\n    change:  ", field.change == kLive ? "on SIGHUP" : "at the next start",
                    "\n");
  }
  return text;
}

}  // namespace onetake
