#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/engine/engine.h"

// How a write is found by a piece of its result, by which another write names what it undoes (R7).
// Pure.
namespace onetake {

// The keyed digest by which a reversing tool will name this result; nullopt when no tool does.
std::optional<std::string> ResultRef(const Tool& tool, const std::string& result_json,
                                     const Secret& tenant_key);
// The result_ref of a write that undoes what was not known at its claim (result_ref.h); empty for
// every other write, and for one of an earlier program of which that cannot be told.
std::string UndoesRef(const Tool& tool, const IntentRecord& record, const Secret& tenant_key);
// Gives a person's "it was applied" the result_ref that the downstream's own success would have
// had. Refuses a verdict that would leave a reversing tool unable to find the write:
// FAILED_PRECONDITION, NEEDS_RESULT when its result does not say, NEEDS_TOOL when there is no
// `tool` to say where to look.
absl::Status NameResult(const Tool* tool, const IntentRecord& record, const Secret& tenant_key,
                        Resolution& resolution);
// The digest of a piece of a result of `tool`, or of an argument of a tool that reverses it: equal
// when they name the same thing.
std::string ReferenceDigest(const Secret& tenant_key, absl::string_view tool, const Json& node);

// The tools that undo one of `tool` by its result.
std::vector<std::string> UndoingByResult(const ToolSet& tools, const std::string& tool);

}  // namespace onetake
