#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/cli/output.h"

// Small pieces of output. Pure.
namespace onetake {

// Columns as wide as their widest cell, two spaces apart, without spaces at the ends of lines.
std::string Table(const std::vector<std::vector<std::string>>& rows);

// Replaces control characters by "?", so that recorded text cannot drive a terminal.
std::string Printable(absl::string_view text);

// Returns "2026-06-24 21:00:00.123+02:00", as the clock shows it in that zone.
std::string TimeText(const google::protobuf::Timestamp& time, absl::TimeZone zone);

// Nanoseconds since the epoch.
int64_t Nanos(const google::protobuf::Timestamp& time);

// Whether it is all of an intent's id, and not the beginning of one.
bool IsWholeId(absl::string_view id);

// Shown instead of a value that the server hides.
inline constexpr char kHiddenValue[] = "(hidden; --unseal shows it to the role unseal)";

// Evidence of an event, as EventRecord has it, for a person: says in words what the server left
// out. "" for none.
std::string EvidenceText(absl::string_view evidence_json);

// Returns "SUCCEEDED", "DONE"; "-" for UNSPECIFIED, the number for what this version does not know.
std::string Name(v1::IntentState state);
std::string Name(v1::Disposition disposition);

// The message in proto3 JSON on one line, fields named as in the .proto, defaults included.
std::string ToJson(const google::protobuf::Message& message);
// The same with its times in the zone that was named, with the offset.
std::string ToJson(const google::protobuf::Message& message, const Output& output);

}  // namespace onetake
