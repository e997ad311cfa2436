#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/engine/engine.h"
#include "runtime/intent/key.h"

// What can be said about a call before anything is looked up or claimed. Pure.
namespace onetake {

// Faults of the caller's program that need no tool: missing or oversized fields. INVALID_ARGUMENT
// with an ErrorDetail naming the field.
absl::Status CheckCaller(const ToolCall& call);

// Parses and validates the model's arguments; absent arguments ("") are {}. Faults go to `invalid`
// and the result is then meaningless.
Json CheckArguments(const Tool& tool, absl::string_view arguments_json,
                    std::vector<InvalidArgument>& invalid);

// What two deliveries of one call have in common, whatever its tool is by now. It is the
// fingerprint in the record of a call whose arguments were valid.
std::string DeliveryFingerprint(const ToolCall& call, const Secret& tenant_key);

// The identity of a WRITE. A fault of the caller's program (no session for a session scope, a
// missing attribute) is a status with an ErrorDetail; a fault of the model (an instant without a
// zone) goes to `invalid`.
absl::StatusOr<IntentIdentity> IdentifyIntent(const Tool& tool, const ToolCall& call,
                                              const Json& arguments,
                                              std::vector<InvalidArgument>& invalid);

// Why an intent of this tool cannot be named by an `intent_id` or an `occurrence`, where this call
// does; nullopt when it can.
std::optional<InvalidArgument> CheckNaming(const Tool& tool, const ToolSet& tools,
                                           const ToolCall& call);

// What a reversing write would undo (R7), by intent or by a piece of its result; both empty when
// the call names nothing that could have been written. What the reversed tool would refuse in its
// identity goes to `invalid`: sent, it might undo what onetake would go on telling of.
struct ReversalTarget {
  std::string intent_id;
  std::string ref;
};
// The tools that undo one of `tool` by its result.
std::vector<std::string> UndoingByResult(const ToolSet& tools, const std::string& tool);
ReversalTarget FindReversalTarget(const Tool& tool, const ToolSet& tools, const ToolCall& call,
                                  const Json& arguments, const Secret& tenant_key,
                                  std::vector<InvalidArgument>& invalid);

// What near duplicates of this call share (R15); empty when the tool has no such rule.
std::string SubjectOf(const Tool& tool, const ToolCall& call, const Json& arguments,
                      const Secret& tenant_key);

// The keyed digest by which a reversing tool will name this result; nullopt when no tool does.
std::optional<std::string> ResultRef(const Tool& tool, const std::string& result_json,
                                     const Secret& tenant_key);
// The result_ref of a write that undoes a result by which no write was known at its claim; empty
// for every other write, and when its arguments are not recorded as they came.
std::string UndoesRef(const Tool& tool, const IntentRecord& record, const Secret& tenant_key);
// The digest of a piece of a result of `tool`, or of an argument of a tool that reverses it: equal
// when they name the same thing.
std::string ReferenceDigest(const Secret& tenant_key, absl::string_view tool, const Json& node);

// The argument that a path leads to or into: "$.guests" of "$.guests['...'].age".
std::string ArgumentOf(absl::string_view path);

// The scope as the ledger shows it: the values of attributes are keyed digests.
std::string RecordedScope(const Tool& tool, const ToolCall& call, const Secret& tenant_key);

// The key of one generation, by the tool's mode. INVALID_ARGUMENT when the key template has a hole.
absl::StatusOr<std::string> KeyFor(const Tool& tool, const ToolCall& call,
                                   const IntentIdentity& intent, const Json& arguments,
                                   int generation, const Secret& tenant_key);

}  // namespace onetake
