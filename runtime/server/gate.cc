#include "runtime/server/gate.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <string>
#include <utility>

namespace onetake {
namespace {

constexpr char kAuthorization[] = "authorization";

std::vector<std::string> Values(const grpc::AuthContext& peer, const char* name) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : peer.FindPropertyValues(name)) {
    values.emplace_back(value.data(), value.size());
  }
  return values;
}

// The common name counts only where the certificate has nothing better (RFC 9525).
std::vector<std::string> CertificateNames(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return {};
  std::vector<std::string> names = Values(*peer, GRPC_PEER_DNS_PROPERTY_NAME);
  for (std::string& uri : Values(*peer, GRPC_PEER_URI_PROPERTY_NAME)) {
    names.push_back(std::move(uri));
  }
  return names.empty() ? Values(*peer, GRPC_X509_CN_PROPERTY_NAME) : names;
}

}  // namespace

absl::StatusOr<Principal> Gate::Admit(const grpc::CallbackServerContext& context,
                                      absl::string_view full_method) const {
  Credentials credentials;
  const auto [begin, end] = context.client_metadata().equal_range(kAuthorization);
  for (auto header = begin; header != end; ++header) {
    credentials.authorization.emplace_back(header->second.data(), header->second.size());
  }
  credentials.certificate_names = CertificateNames(context);
  absl::StatusOr<Principal> caller = access_.Admit(credentials, full_method);
  if (!caller.ok() && on_refused_ != nullptr) on_refused_(caller.status());
  return caller;
}

absl::Status Gate::StillHolds(const Principal& principal) const {
  const absl::Status status = access_.StillHolds(principal);
  if (!status.ok() && on_refused_ != nullptr) on_refused_(status);
  return status;
}

UnaryCall::UnaryCall(grpc::CallbackServerContext* context, UnaryReactor::Response response,
                     const Gate& gate, absl::string_view full_method)
    : reactor_(new UnaryReactor(context, response, gate.unread())),  // owns itself
      reply_(reactor_),
      caller_(gate.Admit(*context, full_method)) {
  if (caller_.ok()) {
    reactor_->set_tenant(caller_->tenant);
    if (absl::Status room = gate.unread().Admit(caller_->tenant); !room.ok()) caller_ = room;
  }
  if (!caller_.ok()) reply_.Finish(caller_.status());
}

UnaryCall::UnaryCall(grpc::CallbackServerContext* context, UnaryReactor::Response response,
                     const Gate& gate, absl::string_view full_method, CallLimits& limits)
    : UnaryCall(context, response, gate, full_method) {
  if (!caller_.ok()) return;
  absl::StatusOr<CallLimits::Place> place = limits.Enter(caller_->tenant);
  if (place.ok()) {
    reply_.Hold(*std::move(place));
    return;
  }
  caller_ = place.status();
  reply_.Finish(caller_.status());
}

grpc::ServerUnaryReactor* UnaryCall::Finish(const absl::Status& status) {
  reply_.Finish(status);
  return reactor_;
}

}  // namespace onetake
