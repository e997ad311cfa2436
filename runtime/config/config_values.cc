#include "runtime/config/config_values.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/policy/egress.h"

namespace onetake {
namespace {

bool IsVariable(absl::string_view name) {
  return !name.empty() && name.size() <= limits::kIdBytes && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

void ReadSecret(YamlFaults& faults, const YAML::Node& node, const std::string& field,
                const std::string& folder, SecretPrefix prefix, ConfigValue& value) {
  SecretRef secret;
  int given = 0;
  YamlFields fields(faults, node, field);
  fields.Required("secret", [&](const YAML::Node& source) {
    YamlFields sources(faults, source, absl::StrCat(field, ".secret"));
    sources.Optional("env", [&](const YAML::Node& text) {
      ++given;
      secret = {.kind = SecretRef::Kind::kEnv, .name = Text(faults, text, field).value_or("")};
    });
    sources.Optional("file", [&](const YAML::Node& text) {
      ++given;
      secret = {.kind = SecretRef::Kind::kFile,
                .name = AbsolutePath(folder, Text(faults, text, field).value_or(""))};
    });
    sources.End();
  });
  if (prefix == SecretPrefix::kAllowed) {
    fields.Optional("prefix", [&](const YAML::Node& text) {
      value.prefix = Text(faults, text, absl::StrCat(field, ".prefix")).value_or("");
    });
  }
  fields.End();
  if (given != 1) faults.Add(node, field, "needs { secret: { env: NAME } } or { file: PATH }");
  value.secret = std::move(secret);
}

}  // namespace

bool IsConfigName(absl::string_view name) {
  return !name.empty() && name.size() <= limits::kToolNameBytes && absl::ascii_isalpha(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
}

std::string AbsolutePath(const std::string& folder, absl::string_view path) {
  const std::filesystem::path given{std::string(path)};
  return given.is_absolute() ? given : (std::filesystem::path(folder) / given).lexically_normal();
}

std::vector<std::string> ReadCommand(YamlFaults& faults, const YAML::Node& node,
                                     const std::string& field, const std::string& folder,
                                     absl::string_view example) {
  std::vector<std::string> command;
  if (!node.IsSequence() || node.size() == 0) {
    faults.Add(node, field,
               absl::StrCat("must be a list: the program and its arguments, e.g. ", example));
    return command;
  }
  for (const YAML::Node& word : node) {
    if (const auto text = Text(faults, word, field)) command.push_back(*text);
  }
  if (!command.empty() && absl::StrContains(command[0], "/")) {
    command[0] = AbsolutePath(folder, command[0]);
  }
  return command;
}

std::vector<ConfigValue> ReadValues(YamlFaults& faults, const YAML::Node& node,
                                    const std::string& field, const std::string& folder,
                                    SecretPrefix prefix) {
  std::vector<ConfigValue> values;
  if (!node.IsMap()) {
    faults.Add(node, field, "must be a map: NAME: TEXT");
    return values;
  }
  for (const auto& member : node) {
    ConfigValue value{.name = member.first.IsScalar() ? member.first.Scalar() : ""};
    const std::string below = absl::StrCat(field, ".", value.name);
    if (member.second.IsMap()) {
      ReadSecret(faults, member.second, below, folder, prefix, value);
    } else if (member.second.IsScalar()) {
      value.text = member.second.Scalar();
    } else {
      faults.Add(member.second, below, "must be a text or { secret: { env: NAME } }");
    }
    values.push_back(std::move(value));
  }
  return values;
}

std::vector<ConfigValue> ReadEnvironment(YamlFaults& faults, const YAML::Node& node,
                                         const std::string& field, const std::string& folder,
                                         SecretPrefix prefix) {
  std::vector<ConfigValue> variables = ReadValues(faults, node, field, folder, prefix);
  for (const ConfigValue& variable : variables) {
    if (IsVariable(variable.name)) continue;
    faults.Add(node, absl::StrCat(field, ".", variable.name),
               "is no name of a variable: letters, digits and _");
  }
  return variables;
}

std::vector<IpNetwork> ReadNetworks(YamlFaults& faults, const YAML::Node& node,
                                    const std::string& field) {
  std::vector<IpNetwork> all;
  if (!node.IsSequence()) {
    faults.Add(node, field, "must be a list: [10.0.0.0/8]");
    return all;
  }
  for (const YAML::Node& entry : node) {
    const auto text = Text(faults, entry, field);
    if (!text.has_value()) continue;
    const absl::StatusOr<std::vector<IpNetwork>> networks = ParseAllowedNetwork(*text);
    if (!networks.ok()) {
      faults.Add(entry, field, networks.status().message());
      continue;
    }
    all.insert(all.end(), networks->begin(), networks->end());
  }
  return all;
}

}  // namespace onetake
