#pragma once

#include "runtime/catalog/tool.h"
#include "runtime/engine/tool_executor.h"
#include "tools/http/http_exchange.h"

namespace onetake {

// Says how far the attempt got, and what that means by the retry table's rows, RFC 9110 and what
// the manifest knows better. Pure.
AttemptReport ClassifyExchange(const Tool& tool, HttpExchange exchange);

}  // namespace onetake
