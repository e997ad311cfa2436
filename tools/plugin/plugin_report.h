#pragma once

#include "runtime/engine/tool_executor.h"
#include "tools/plugin/plugin_link.h"

namespace onetake {

// A plugin's result in the words of the retry table. What a plugin says is data of a stranger: a
// result that is no JSON, or longer than limits::kResultBytes, is an unreadable one, and its error
// text is cut and made printable. Pure.
AttemptReport ReportOf(PluginResult result);

constexpr size_t kErrorBytes = 256;

// JSON, and not too long for the ledger.
bool IsRecordable(absl::string_view result_json);

// `text` cut to `most` bytes and fit for records: a space for each control character, U+FFFD for
// what is no UTF-8.
std::string Printable(absl::string_view text, size_t most);

}  // namespace onetake
