#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/base/secret.h"
#include "runtime/json/json.h"
#include "runtime/json/template.h"

namespace onetake {

// Everything that makes an intent what it is.
struct IntentIdentity {
  std::string tenant;
  std::string tool;
  std::string scope;  // "session:CA123", "tenant:", "attribute:caller_phone=..."
  Json identity;      // from MakeIdentity, or {"intent_id": ...} when the orchestrator named it
  int occurrence = 0;
};

// How digests are made, for ever: a changed derivation would give live intents new keys. The tests
// hold vectors that were computed by other code.
//   field(x)  = length of x in bytes, 8 bytes big-endian ‖ x; so no two lists of fields meet
//   intent    = field(tenant) ‖ field(tool) ‖ field(scope) ‖ field(CanonicalJson(identity)) ‖
//               field(occurrence in decimal)
//   digest(m) = the first 32 lower-case hex digits of HMAC-SHA-256(tenant key, m)
// An empty tenant key is a broken invariant: it stops the process.

// The id of an intent over all its generations: digest(field("onetake/intent/v1") ‖ intent). Pure.
std::string IntentId(const Secret& tenant_key, const IntentIdentity& intent);

// The key of one generation (1, 2, ...), sent downstream. [0-9a-f]{32}.
// digest(field("onetake/key/v1") ‖ intent ‖ field(generation in decimal)). Pure.
std::string IntentKey(const Secret& tenant_key, const IntentIdentity& intent, int generation);

// The template mode: the first 32 hex digits of SHA-256 over the rendered template, and ":gN" after
// it from generation 2 on, so that a system that already uses such a function moves over without a
// gap. `values` holds the call's arguments plus session_id and tenant. INVALID_ARGUMENT, naming the
// hole, when a hole is empty. Values that hold the template's own separators may meet in one key:
// that is the price of the old function.
absl::StatusOr<std::string> TemplateKey(const TextTemplate& text, const Json& values,
                                        int generation);

// The id that near duplicates share (R15): digest(field("onetake/subject/v1") ‖ field(tenant) ‖
// field(tool) ‖ field(CanonicalJson(same))). The scope is not in it: another conversation's wish is
// near too. Pure.
std::string SubjectId(const Secret& tenant_key, absl::string_view tenant, absl::string_view tool,
                      const Json& same);

// The digest by which values that are not stored can be told apart:
// digest(field("onetake/stored/v1") ‖ field(what) ‖ field(canonical JSON of it)). Pure.
std::string StoredDigest(const Secret& tenant_key, absl::string_view what,
                         absl::string_view canonical);

// The digest that a confirmation is bound to: digest(field("onetake/confirm/v1") ‖ field of each
// part). Pure.
std::string ConfirmationDigest(const Secret& tenant_key,
                               const std::vector<absl::string_view>& parts);

// The digest by which equal values of a call's attribute are found without being kept:
// digest(field("onetake/attribute/v1") ‖ field(tenant) ‖ field(name) ‖ field(value)). Pure.
std::string AttributeDigest(const Secret& tenant_key, absl::string_view tenant,
                            absl::string_view name, absl::string_view value);

// The check value by which another key is told from this one, without saying anything of it:
// digest(field("onetake/key-check/v1")). Pure.
std::string KeyCheck(const Secret& tenant_key);

// Whether two digests are equal. Takes the same time wherever they differ.
bool SameDigest(absl::string_view a, absl::string_view b);

// Keyed digest of a whole call's content, to tell a redelivered tool_call_id from a reused one:
// digest(field("onetake/fingerprint/v1") ‖ field(tool) ‖ field(canonical_arguments) ‖
// field(intent_id) ‖ field(occurrence in decimal)).
std::string Fingerprint(const Secret& tenant_key, absl::string_view tool,
                        absl::string_view canonical_arguments, absl::string_view intent_id,
                        int occurrence);

}  // namespace onetake
