#include "runtime/cli/output_options.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "runtime/cli/time_range.h"

namespace onetake {
namespace {

std::string CheckZone(const std::string& name) {
  absl::TimeZone zone;
  if (!name.empty() && absl::LoadTimeZone(name, &zone)) return "";
  return "must be a zone of the tz database, such as Europe/Berlin or UTC";
}

}  // namespace

void AddZoneOptions(CLI::App& command, Output& output) {
  CLI::Option* utc = command.add_flag_callback(
      "--utc",
      [&output] {
        output.zone = absl::UTCTimeZone();
        output.zone_is = Output::Zone::kNamed;
      },
      "Times in UTC");
  command
      .add_option_function<std::string>(
          "--zone",
          [&output](const std::string& name) {
            absl::LoadTimeZone(name, &output.zone);
            output.zone_is = Output::Zone::kNamed;
          },
          "Times as in this zone, e.g. Europe/Berlin; when not given, the zone of this machine, "
          "and UTC in jsonl")
      ->check(CheckZone)
      ->excludes(utc);
}

void AddOutputOptions(CLI::App& command, Output& output) {
  AddChoice(command, "--output", output.format,
            {{"table", OutputFormat::kTable},
             {"jsonl", OutputFormat::kJsonLines},
             {"csv", OutputFormat::kCsv}},
            "table for people, jsonl (one JSON object a line) or csv for programs");
  AddZoneOptions(command, output);
}

void AddTimeOptions(CLI::App& command, std::string& since, std::string& until,
                    const std::string& since_help, const std::string& until_help) {
  command.add_option("--since", since, absl::StrCat(since_help, ": ", kTimeHelp))->check(CheckTime);
  command.add_option("--until", until, until_help)->check(CheckTime);
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  timestamp.set_nanos(static_cast<int32_t>((time - absl::FromUnixSeconds(timestamp.seconds())) /
                                           absl::Nanoseconds(1)));
  return timestamp;
}

void PrintFields(const std::vector<Fields>& records, const Output& output) {
  std::cout << (output.format == OutputFormat::kCsv ? CsvLines(records) : JsonLines(records));
}

}  // namespace onetake
