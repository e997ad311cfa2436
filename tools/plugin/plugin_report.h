#pragma once

#include "runtime/engine/tool_executor.h"
#include "tools/plugin/plugin_link.h"

namespace onetake {

// Puts a plugin's result into the words of the retry table. The plugin is a stranger: a result that
// is no JSON, or longer than limits::kResultBytes, is an unreadable one, and its error text is cut
// and made printable. Pure.
AttemptReport ReportOf(PluginResult result);

constexpr size_t kErrorBytes = 256;

// Whether it is JSON, and not too long for the ledger.
bool IsRecordable(absl::string_view result_json);

// Returns `text` cut to `most` bytes and fit for records: a space for each control character,
// U+FFFD for what is no UTF-8.
std::string Printable(absl::string_view text, size_t most);

}  // namespace onetake
