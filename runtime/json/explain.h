#pragma once

#include <optional>
#include <vector>

#include "runtime/json/schema.h"
#include "runtime/json/schema_lint.h"

namespace onetake {

// Says in words why `value` breaks `document`, which passed LintSchema; empty when it does not. As
// JsonSchema::Check, whose verdict is valijson's. nullopt when it would take too long to find out:
// forms of forms multiply from level to level of a value.
std::optional<std::vector<JsonSchema::Violation>> ExplainViolations(const Json& document,
                                                                    const SchemaPatterns& patterns,
                                                                    const Json& value);

}  // namespace onetake
