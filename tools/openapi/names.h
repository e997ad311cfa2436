#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"

// Makes names that manifests, models and shells take out of names that descriptions have. Pure.
namespace onetake {

// Returns a letter, then letters, digits, _ and -, at most 64 bytes: "createBooking" for
// "createBooking", "get_v2_bookings_id" for "GET /v2/bookings/{id}". Never empty.
std::string ToolNameOf(absl::string_view text);

// Returns what a model may call the argument: "StartTime_before" for "StartTime<". At most 64
// bytes.
std::string ArgumentNameOf(absl::string_view name);

// Returns the name of an environment variable: "ACCOUNT_SID" for "accountSid".
std::string VariableNameOf(absl::string_view text);

// Returns `name`, or when `taken` has it a name with a number behind it; then `taken` has that too.
std::string UniqueName(std::string name, std::set<std::string>& taken);

// Returns the JsonPath of a top-level member: $.slot, $['a name'].
std::string PathOfMember(absl::string_view name);

}  // namespace onetake
