#include "runtime/access/access.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/access/bearer_token.h"
#include "runtime/access/permissions.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::string_view kScheme = "bearer ";  // RFC 6750; case does not matter (RFC 9110)

// The digest that unknown ids are compared with: the same path and the same time.
const std::string& NobodysDigest() {
  static const std::string& digest = *new std::string(64, '0');
  return digest;
}

absl::Status Unauthenticated(absl::string_view reason, absl::string_view message) {
  return WithDetail(absl::UnauthenticatedError(message), {.reason = std::string(reason)});
}

absl::Status Denied(absl::string_view reason, absl::string_view message) {
  return WithDetail(absl::PermissionDeniedError(message), {.reason = std::string(reason)});
}

absl::Status Invalid() {
  return Unauthenticated("CREDENTIALS_INVALID",
                         "the token is not known: is it whole, and of this server?");
}

Principal PrincipalOf(const TokenRecord& token) {
  return {.name = absl::StrCat("token:", token.name, ":", token.id),
          .tenant = token.tenant,
          .roles = token.roles,
          .token_id = token.id};
}

absl::StatusOr<Principal> InTenant(const AccessRules& rules, Principal principal) {
  if (rules.tenants.empty()) return principal;
  const auto tenant = rules.tenants.find(principal.tenant);
  if (tenant == rules.tenants.end()) {
    return Denied("TENANT_UNKNOWN", "access.tenants has no tenant of this credential");
  }
  principal.tools = tenant->second;
  return principal;
}

absl::StatusOr<Principal> ByCertificate(const AccessRules& rules,
                                        const std::vector<std::string>& names) {
  for (const CertificateRule& rule : rules.certificates) {
    if (std::find(names.begin(), names.end(), rule.name) == names.end()) continue;
    return InTenant(rules, {.name = absl::StrCat("certificate:", rule.name),
                            .tenant = rule.tenant,
                            .roles = rule.roles,
                            .certificate = rule.name});
  }
  return Unauthenticated(
      "CREDENTIALS_MISSING",
      names.empty() ? "a credential is required: send the header `authorization: Bearer TOKEN` "
                      "(`onetake token create` makes one)"
                    : "access.certificates has no name of this client certificate, and no token "
                      "was sent");
}

}  // namespace

bool IsAccessName(absl::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
         });
}

Access::Access(AccessRules rules, const Clock& clock)
    : clock_(clock),
      rules_(std::make_shared<const AccessRules>(std::move(rules))),
      tokens_(std::make_shared<const Tokens>()) {}

void Access::SetRules(AccessRules rules) {
  auto fresh = std::make_shared<const AccessRules>(std::move(rules));
  absl::MutexLock lock(&mutex_);
  rules_ = std::move(fresh);
}

std::shared_ptr<const AccessRules> Access::rules() const {
  absl::MutexLock lock(&mutex_);
  return rules_;
}

void Access::SetTokens(const std::vector<TokenRecord>& tokens) {
  const absl::Time now = clock_.Now();
  const absl::Duration elapsed = clock_.Elapsed();
  auto by_id = std::make_shared<Tokens>();
  absl::MutexLock lock(&mutex_);
  for (const TokenRecord& token : tokens) {
    absl::Duration ends_at = elapsed + (token.expires_at - now);
    const auto before = tokens_->find(token.id);
    if (before != tokens_->end() && before->second.record.expires_at == token.expires_at) {
      ends_at = std::min(ends_at, before->second.ends_at);
    }
    by_id->emplace(token.id, KnownToken{token, ends_at});
  }
  tokens_ = std::move(by_id);
}

std::shared_ptr<const Access::Tokens> Access::tokens() const {
  absl::MutexLock lock(&mutex_);
  return tokens_;
}

absl::Status Access::CheckTimes(const KnownToken& token) const {
  if (token.record.revoked_at.has_value()) {
    return Unauthenticated("CREDENTIALS_REVOKED", "the token was revoked: ask for a new one");
  }
  if (clock_.Elapsed() >= token.ends_at || clock_.Now() >= token.record.expires_at) {
    return Unauthenticated("CREDENTIALS_EXPIRED", "the token is expired: ask for a new one");
  }
  return absl::OkStatus();
}

absl::StatusOr<Principal> Access::Authenticate(const Credentials& credentials) const {
  const std::shared_ptr<const AccessRules> rules = this->rules();
  if (rules->mode == AccessRules::Mode::kOpen) {
    return Principal{.name = "anonymous", .tenant = rules->open_tenant, .roles = RoleSet::All()};
  }
  // With two tokens nobody can tell which of them was meant.
  if (credentials.authorization.size() > 1) return Invalid();
  if (credentials.authorization.size() == 1) {
    return ByToken(*rules, credentials.authorization[0]);
  }
  return ByCertificate(*rules, credentials.certificate_names);
}

absl::StatusOr<Principal> Access::ByToken(const AccessRules& rules,
                                          absl::string_view header) const {
  if (!absl::StartsWithIgnoreCase(header, kScheme)) return Invalid();
  const absl::StatusOr<BearerToken> given =
      ParseBearerToken(absl::StripAsciiWhitespace(header.substr(kScheme.size())));
  if (!given.ok()) return Invalid();
  const std::shared_ptr<const Tokens> known = tokens();
  const auto found = known->find(given->id);
  const std::string& digest = found == known->end() ? NobodysDigest() : found->second.record.digest;
  const bool right = Secret(SecretDigest(given->secret)).Equals(digest);
  if (!right || found == known->end()) return Invalid();
  ONETAKE_RETURN_IF_ERROR(CheckTimes(found->second));
  return InTenant(rules, PrincipalOf(found->second.record));
}

absl::StatusOr<Principal> Access::Admit(const Credentials& credentials,
                                        absl::string_view full_method) const {
  ONETAKE_ASSIGN_OR_RETURN(Principal principal, Authenticate(credentials));
  const std::optional<Role> role = RoleFor(full_method);
  if (!role.has_value()) return Denied("METHOD_DENIED", "no role may call this method");
  ONETAKE_RETURN_IF_ERROR(CheckRole(principal, *role));
  return principal;
}

absl::Status Access::StillHolds(const Principal& principal) const {
  absl::StatusOr<Principal> as_now = principal;
  if (!principal.certificate.empty()) {
    as_now = ByCertificate(*rules(), {principal.certificate});
  } else if (!principal.token_id.empty()) {
    const std::shared_ptr<const Tokens> known = tokens();
    const auto found = known->find(principal.token_id);
    if (found == known->end()) return Invalid();
    ONETAKE_RETURN_IF_ERROR(CheckTimes(found->second));
    as_now = InTenant(*rules(), PrincipalOf(found->second.record));
  }
  ONETAKE_RETURN_IF_ERROR(as_now.status());
  // A stream goes on with what it began with: another tenant, other roles or other tools need a new
  // stream.
  const bool same_tools =
      as_now->tools == principal.tools || (as_now->tools != nullptr && principal.tools != nullptr &&
                                           *as_now->tools == *principal.tools);
  if (as_now->tenant == principal.tenant && as_now->roles == principal.roles && same_tools) {
    return absl::OkStatus();
  }
  return WithDetail(
      absl::UnauthenticatedError("what the credential may do was changed: connect again"),
      {.reason = "CREDENTIALS_CHANGED", .safe_to_resend = true});
}

absl::Status CheckRole(const Principal& principal, Role role) {
  if (principal.roles.Has(role)) return absl::OkStatus();
  // Without `audit` a caller has nothing that `unseal` could show.
  const RoleSet enough = role == Role::kUnseal ? RoleSet{Role::kAudit, role} : RoleSet{role};
  return Denied("ROLE_MISSING",
                absl::StrCat("the credential has not the role ", ToString(role),
                             ": `onetake token create NAME --roles ", enough.ToText(),
                             "` makes a token that has it, access.certificates gives it to a "
                             "certificate"));
}

}  // namespace onetake
