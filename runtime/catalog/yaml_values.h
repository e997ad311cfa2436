#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "runtime/catalog/environment.h"
#include "runtime/catalog/manifest_report.h"
#include "runtime/catalog/yaml_tree.h"
#include "runtime/json/json.h"

namespace onetake {

// Puts the environment into every value below `node` (not into names), and tells `report` where
// everything stands. What cannot be replaced is reported and marked unusable.
void SubstituteAll(YamlNode& node, const std::string& field, const Environment& environment,
                   ManifestReport& report);

// The readers below report what is wrong at `field` and then return nullopt. No message quotes a
// value that has something of the environment in it.

// Reads any scalar, as it is written: 2.0 is "2.0".
std::optional<std::string> ReadText(const YamlNode& node, const std::string& field,
                                    ManifestReport& report);
std::optional<int64_t> ReadInteger(const YamlNode& node, const std::string& field,
                                   ManifestReport& report);
std::optional<bool> ReadBoolean(const YamlNode& node, const std::string& field,
                                ManifestReport& report);
// Reads a number and a unit, from 0s on: 250ms, 4s, 2m, 24h, 1h30m.
std::optional<absl::Duration> ReadDuration(const YamlNode& node, const std::string& field,
                                           ManifestReport& report);

// Reads any value. If it is not in quotes, JSON's numbers are numbers, true and false booleans,
// null and ~ null; all else is a text, also yes, no, 007 and 0x10.
std::optional<Json> ReadJson(const YamlNode& node, const std::string& field,
                             ManifestReport& report);

}  // namespace onetake
