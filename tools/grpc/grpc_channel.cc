#include "tools/grpc/grpc_channel.h"

#include <grpcpp/create_channel.h>

#include <climits>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "tools/grpc/pem.h"

namespace onetake {
namespace {

constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kFirstReconnectMs = 200;
constexpr int kLastReconnectMs = 10'000;
constexpr size_t kEnvelopeBytes = 64 * 1024;

absl::StatusOr<std::string> ReadFile(absl::string_view field, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.good() || (file.eof() && !text.empty())) return text;
  return absl::FailedPreconditionError(absl::StrCat("tls.", field, ": cannot be read: ", path));
}

absl::Status Named(absl::string_view field, const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::FailedPreconditionError(
      absl::StrCat("tls.", field, ": ", std::string(status.message()), ": ", path));
}

bool IsLoopback(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 1 || port > 65535) {
    return false;
  }
  const absl::string_view host = address.substr(0, colon);
  return host == "127.0.0.1" || host == "[::1]" || host == "localhost";
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> PluginCredentials(
    const std::optional<PluginSpec::Tls>& tls) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  ONETAKE_ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile("ca_file", tls->ca_file));
  ONETAKE_ASSIGN_OR_RETURN(options.pem_cert_chain, ReadFile("cert_file", tls->cert_file));
  ONETAKE_ASSIGN_OR_RETURN(options.pem_private_key, ReadFile("key_file", tls->key_file));
  if (!tls->ca_file.empty()) {
    ONETAKE_RETURN_IF_ERROR(
        Named("ca_file", tls->ca_file, CheckCertificates(options.pem_root_certs)));
  }
  if (!tls->cert_file.empty()) {
    ONETAKE_RETURN_IF_ERROR(
        Named("cert_file", tls->cert_file, CheckCertificates(options.pem_cert_chain)));
    ONETAKE_RETURN_IF_ERROR(
        Named("key_file", tls->key_file,
              CheckPrivateKey(options.pem_private_key, options.pem_cert_chain)));
  }
  return grpc::SslCredentials(options);
}

absl::Status CheckPluginTls(const PluginSpec& plugin) {
  return Annotate(PluginCredentials(plugin.tls).status(), absl::StrCat("plugins.", plugin.name));
}

std::shared_ptr<grpc::Channel> PluginChannel(
    const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const std::string& server_name) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, INT_MAX);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastReconnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::kResultBytes + kEnvelopeBytes));
  if (!server_name.empty()) arguments.SetSslTargetNameOverride(server_name);
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

absl::StatusOr<std::string> ParseHandshake(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (words.empty() || words[0] != "onetake-plugin") {
    return absl::InvalidArgumentError(
        "its first line of output is not \"onetake-plugin 1 ADDRESS\"");
  }
  if (words.size() != 3 || words[1] != "1") {
    return absl::InvalidArgumentError(
        "it speaks another version of the plugin protocol; this onetaked speaks 1");
  }
  const bool is_socket = absl::StartsWith(words[2], "unix:/") && words[2].size() < 100;
  if (is_socket || IsLoopback(words[2])) return std::string(words[2]);
  return absl::InvalidArgumentError("it listens neither on loopback nor on a Unix socket");
}

}  // namespace onetake
