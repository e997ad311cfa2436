#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/secret.h"
#include "runtime/config/yaml_fields.h"

namespace onetake {

// The section `tls` of onetake.yaml, of the gRPC listener:
//
//   tls:
//     certificate: ./server.crt     # PEM, with the chain
//     key: ./server.key             # PEM, without a pass phrase, private: see ReadTls()
//     client_ca: ./clients.pem      # PEM; absent: clients show no certificate
//     clients: required             # or optional: a client may come with a token instead
//
// New files in the places of the old ones are used for new connections within seconds, once they
// are whole and belong together.
struct TlsConfig {
  std::string certificate_file;  // empty: no TLS
  std::string key_file;
  std::string client_ca_file;  // empty: none
  enum class Clients { kRequired, kOptional } clients = Clients::kRequired;

  bool on() const { return !certificate_file.empty(); }
};

inline constexpr absl::Duration kTlsRefresh = absl::Seconds(2);

TlsConfig ParseTls(YamlFaults& faults, const YAML::Node& node, const std::string& folder);

// The contents of the files.
struct TlsPems {
  std::string certificate;  // with the chain
  Secret key;
  std::string client_ca;  // empty: none
  absl::Time begin;       // of the certificate's validity
  absl::Time expiry;      // its end
};
// Who may own and read the key's file.
enum class KeyReader {
  kThisProcess,  // onetaked: root's, or of the user that it runs as; its primary group may read it
  kSomebody,     // who looks at a configuration for onetaked: any user's, and its group may read it
};
// Reads them and checks that they are what they must be and belong together, so that a mistake is
// found here and not by the first client. Nobody but whom KeyReader names may read or write the
// key's file. FAILED_PRECONDITION names the file. Blocks on the disk.
absl::StatusOr<TlsPems> ReadTls(const TlsConfig& tls, KeyReader reader);

}  // namespace onetake
