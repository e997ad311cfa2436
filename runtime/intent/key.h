#pragma once

#include <string>

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

// The id of an intent over all its generations: the first 32 hex digits of
// HMAC-SHA-256(tenant key, "onetake/intent/v1" ‖ fields), every field prefixed by its length so
// that no two lists of fields meet. Pure.
std::string IntentId(const Secret& tenant_key, const IntentIdentity& intent);

// The key of one generation, sent downstream. [0-9a-f]{32}.
std::string IntentKey(const Secret& tenant_key, const IntentIdentity& intent, int generation);

// The template mode: the first 32 hex digits of SHA-256 over the rendered template, and ":gN" after
// it from generation 2 on, so that a system that already uses such a function moves over without a
// gap. `values` holds the call's arguments plus session_id and tenant. INVALID_ARGUMENT when a hole
// is empty.
absl::StatusOr<std::string> TemplateKey(const TextTemplate& text, const Json& values,
                                        int generation);

// Keyed digest of a whole call's content, to tell a redelivered tool_call_id from a reused one.
std::string Fingerprint(const Secret& tenant_key, absl::string_view tool,
                        absl::string_view canonical_arguments, absl::string_view intent_id,
                        int occurrence);

}  // namespace onetake
