#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/timestamp.pb.h"
#include "runtime/cli/output.h"

namespace onetake {

// A flag that takes one of some words, in any case. `value` must outlive the parse.
template <typename Value>
CLI::Option* AddChoice(CLI::App& command, const std::string& flag, Value& value,
                       const std::vector<std::pair<std::string, Value>>& choices,
                       const std::string& help) {
  const std::string words = absl::StrJoin(choices, "|", [](std::string* out, const auto& choice) {
    absl::StrAppend(out, choice.first);
  });
  const auto take = [&value, choices](const std::string& given) {
    for (const auto& [word, meant] : choices) {
      if (!absl::EqualsIgnoreCase(word, given)) continue;
      value = meant;
      return true;
    }
    return false;
  };
  return command
      .add_option_function<std::string>(
          flag, [take](const std::string& given) { take(given); }, help)
      ->check([take, words](const std::string& given) {
        return take(given) ? std::string() : absl::StrCat("must be one of ", words);
      })
      ->option_text(words);
}

// The flags by which a question says how it wants its answer shown: --output, --utc, --zone.
// `output` must outlive the parse.
void AddOutputOptions(CLI::App& command, Output& output);
// Adds only the zone, for a command that shows text alone.
void AddZoneOptions(CLI::App& command, Output& output);

// Adds --since and --until, as time_range.h takes them. The texts say whose times they are, e.g.
// "Claimed at or after", and must not end with a full stop.
void AddTimeOptions(CLI::App& command, std::string& since, std::string& until,
                    const std::string& since_help, const std::string& until_help);

// Converts a time for a request.
google::protobuf::Timestamp ToTimestamp(absl::Time time);

// Prints records in `output`'s format, which is not the table.
void PrintFields(const std::vector<Fields>& records, const Output& output);

}  // namespace onetake
