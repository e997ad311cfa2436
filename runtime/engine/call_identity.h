#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/engine.h"
#include "runtime/intent/key.h"

// What a call is about: its intent, the key of that, and what it would undo. Pure.
namespace onetake {

// The identity of a WRITE. A fault of the caller's program (no session for a session scope, a
// missing attribute) is a status with an ErrorDetail; a fault of the model (an instant without a
// zone) goes to `invalid`.
absl::StatusOr<IntentIdentity> IdentifyIntent(const Tool& tool, const ToolCall& call,
                                              const Json& arguments,
                                              std::vector<InvalidArgument>& invalid);

// What a reversing write would undo (R7), by intent or by a piece of its result; both empty when
// the call names nothing that could have been written. What the reversed tool would refuse goes to
// `invalid` when it is in its identity, and is a status, as of IdentifyIntent(), when it is in its
// scope: sent, the call might undo what onetake would go on telling of.
struct ReversalTarget {
  std::string intent_id;
  std::string ref;
};
absl::StatusOr<ReversalTarget> FindReversalTarget(const Tool& tool, const ToolSet& tools,
                                                  const ToolCall& call, const Json& arguments,
                                                  const Secret& tenant_key,
                                                  std::vector<InvalidArgument>& invalid);

// What near duplicates of this call share (R15); empty when the tool has no such rule.
std::string SubjectOf(const Tool& tool, const ToolCall& call, const Json& arguments,
                      const Secret& tenant_key);

// The scope as the ledger shows it: the values of attributes are keyed digests.
std::string RecordedScope(const Tool& tool, const ToolCall& call, const Secret& tenant_key);

// The key of one generation, by the tool's mode. INVALID_ARGUMENT when the key template has a hole.
absl::StatusOr<std::string> KeyFor(const Tool& tool, const ToolCall& call,
                                   const IntentIdentity& intent, const Json& arguments,
                                   int generation, const Secret& tenant_key);

// The record of a call that came now, as far as it says of itself.
CallRecord NewRecord(const ToolCall& call, std::string call_id, absl::Time now);

// What two deliveries of one call have in common, whatever its tool is by now. It is the
// fingerprint in the call's record, whether its arguments were valid or not.
std::string DeliveryFingerprint(const ToolCall& call, const Secret& tenant_key);

}  // namespace onetake
