#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"

// Names that manifests, models and shells take, made of names that descriptions have. Pure.
namespace onetake {

// A letter, then letters, digits, _ and -, at most 64 bytes; "createBooking" of "createBooking",
// "get_v2_bookings_id" of "GET /v2/bookings/{id}". Never empty.
std::string ToolNameOf(absl::string_view text);

// What a model may call the argument: "StartTime_before" of "StartTime<". At most 64 bytes.
std::string ArgumentNameOf(absl::string_view name);

// The name of an environment variable: "ACCOUNT_SID" of "accountSid".
std::string VariableNameOf(absl::string_view text);

// `name`, or when `taken` has it a name with a number behind it; then `taken` has that too.
std::string UniqueName(std::string name, std::set<std::string>& taken);

// The JsonPath of a top-level member: $.slot, $['a name'].
std::string PathOfMember(absl::string_view name);

}  // namespace onetake
