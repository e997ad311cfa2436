#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "google/protobuf/timestamp.pb.h"
#include "runtime/cli/output.h"

namespace onetake {

// The flags by which a question says how it wants its answer shown: --output, --utc, --zone.
// `output` must outlive the parse.
void AddOutputOptions(CLI::App& command, Output& output);
// Only the zone, for a command that shows text alone.
void AddZoneOptions(CLI::App& command, Output& output);

// --since and --until, as time_range.h takes them. The texts say whose times they are, e.g.
// "Claimed at or after", and must not end with a full stop.
void AddTimeOptions(CLI::App& command, std::string& since, std::string& until,
                    const std::string& since_help, const std::string& until_help);

// For a request.
google::protobuf::Timestamp ToTimestamp(absl::Time time);

// Prints records in `output`'s format, which is not the table.
void PrintFields(const std::vector<Fields>& records, const Output& output);

}  // namespace onetake
