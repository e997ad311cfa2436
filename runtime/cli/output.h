#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

// Output for programs and spreadsheets: JSON lines and CSV. Pure.
namespace onetake {

enum class OutputFormat { kTable, kJsonLines, kCsv };

// How one command shows what it found.
struct Output {
  OutputFormat format = OutputFormat::kTable;
  absl::TimeZone zone = absl::LocalTimeZone();
  // Whether somebody named the zone. If not, the JSON of messages has UTC, as protobuf writes it.
  enum class Zone { kDefault, kNamed } zone_is = Zone::kDefault;
};

// One record, by names that do not change: the columns of a CSV file. Records of one kind have the
// same names, in the same order.
using Fields = std::vector<std::pair<absl::string_view, std::string>>;

// CSV as in RFC 4180, with lines that end in "\n" only, the names first. A value that a spreadsheet
// would run as a formula gets an apostrophe in front.
std::string CsvLines(const std::vector<Fields>& records);
// The same without names, for the pages after the first.
std::string CsvRows(const std::vector<Fields>& records);

// One JSON object a line; every value is a string.
std::string JsonLines(const std::vector<Fields>& records);

// Returns "2026-06-24T21:00:00.123+02:00", for fields; "" when the message has no time.
std::string FieldTime(const google::protobuf::Timestamp& time, absl::TimeZone zone);

}  // namespace onetake
