#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/plugin/plugin_spec.h"

namespace onetake {

// Without `tls` the channel is in the clear: for loopback and Unix sockets. FAILED_PRECONDITION
// when a file of `tls` cannot be read or is no PEM. Blocks on the disk.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> PluginCredentials(
    const std::optional<PluginSpec::Tls>& tls);

// What a start would find wrong in the files of the plugin's `tls`. FAILED_PRECONDITION, naming the
// plugin. Blocks on the disk.
absl::Status CheckPluginTls(const PluginSpec& plugin);

// A channel to a plugin that never sends a call twice, takes no configuration from DNS and no proxy
// from the environment, and stays connected. `server_name` is the name that the certificate must
// have; empty: the host of `target`.
std::shared_ptr<grpc::Channel> PluginChannel(
    const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const std::string& server_name);

// Reads the address from the line by which a started plugin says where it listens:
//
//   onetake-plugin 1 unix:/run/x/plugin.sock
//   onetake-plugin 1 127.0.0.1:40123
//
// INVALID_ARGUMENT, saying what is wrong; only loopback and Unix sockets are taken. Pure.
absl::StatusOr<std::string> ParseHandshake(absl::string_view line);

}  // namespace onetake
