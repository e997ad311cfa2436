#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/access/principal.h"
#include "runtime/access/token_file.h"
#include "runtime/base/clock.h"

namespace onetake {

// Who holds a client certificate, by one of its names: a DNS name or a URI of its subject
// alternative names, or, when it has none, its common name.
struct CertificateRule {
  std::string name;
  std::string tenant;
  RoleSet roles;
};

// Who may call. Default deny.
struct AccessRules {
  enum class Mode {
    kClosed,  // with a credential only
    kOpen,    // everybody who reaches the listener is `open_tenant`, with every role
  } mode = Mode::kClosed;
  std::string open_tenant = "default";
  std::string token_file;  // empty: no tokens
  std::vector<CertificateRule> certificates;
  // What each tenant may use. Empty: the only tenants are those of credentials, each with every
  // tool. Otherwise a tenant that is not here is denied.
  std::map<std::string, AllowedTools> tenants;
};

// The credentials that came with a request.
struct Credentials {
  std::vector<std::string> authorization;      // values of the header of this name
  std::vector<std::string> certificate_names;  // those of a verified client certificate
};

// Tells who calls and whether they may. Thread-safe; answers from memory.
//
// How long a token still lives is reckoned when it is first told of, and counts on the monotonic
// clock from then on: a wall clock that is set back later makes no token live longer, whether its
// file is read again or not. One that is set forward ends it, so of both clocks the earlier end
// counts.
//
// Every refusal has an ErrorDetail. Nothing was done, and the same would be refused again, but for
// CREDENTIALS_CHANGED, which ends a stream or a wait that may begin anew:
//   UNAUTHENTICATED    CREDENTIALS_MISSING, CREDENTIALS_INVALID (malformed, unknown id and wrong
//                      secret are not told apart), CREDENTIALS_EXPIRED, CREDENTIALS_REVOKED (told
//                      to whoever has the right secret only), CREDENTIALS_CHANGED
//   PERMISSION_DENIED  TENANT_UNKNOWN, ROLE_MISSING, METHOD_DENIED
class Access {
 public:
  // `clock` must outlive it.
  Access(AccessRules rules, const Clock& clock);

  // Replaces the rules; which tokens there are does not change.
  void SetRules(AccessRules rules);

  // Replaces all tokens known before.
  void SetTokens(const std::vector<TokenRecord>& tokens);

  absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const;
  // Does Authenticate(), and checks the role that the method needs.
  absl::StatusOr<Principal> Admit(const Credentials& credentials,
                                  absl::string_view full_method) const;
  // Whether the credential of a principal that was admitted before is still good, for streams and
  // waits.
  absl::Status StillHolds(const Principal& principal) const;

 private:
  struct KnownToken {
    TokenRecord record;
    absl::Duration ends_at;  // on the monotonic clock
  };
  using Tokens = std::map<std::string, KnownToken>;  // by id
  std::shared_ptr<const Tokens> tokens() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const AccessRules> rules() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Principal> ByToken(const AccessRules& rules, absl::string_view header) const;
  absl::Status CheckTimes(const KnownToken& token) const;

  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const AccessRules> rules_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Tokens> tokens_ ABSL_GUARDED_BY(mutex_);
};

// PERMISSION_DENIED, ROLE_MISSING, when the principal does not have that role.
absl::Status CheckRole(const Principal& principal, Role role);

}  // namespace onetake
