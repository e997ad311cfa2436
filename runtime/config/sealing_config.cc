#include "runtime/config/sealing_config.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/config/config_values.h"

namespace onetake {
namespace {

constexpr absl::string_view kDefaultMasterFile = "onetake.master";
constexpr absl::Duration kShortestRotation = absl::Hours(1);
constexpr absl::Duration kLongestRotation = absl::Hours(87'600);

std::vector<std::string> ParseCommand(YamlFaults& faults, const YAML::Node& node,
                                      const std::string& field) {
  std::vector<std::string> command;
  if (node.IsSequence()) {
    for (const YAML::Node& entry : node) {
      if (auto text = Text(faults, entry, field)) command.push_back(*std::move(text));
    }
  }
  if (command.empty() || !std::filesystem::path(command[0]).is_absolute()) {
    faults.Add(node, field,
               "must be a list of a program's absolute path and its arguments, e.g. "
               "[/usr/bin/fetch-key, onetake]; no shell reads it");
  }
  return command;
}

void ParseRotation(YamlFaults& faults, const YAML::Node& node, SealingConfig& sealing) {
  const auto text = Text(faults, node, "sealing.rotate_every");
  if (!text.has_value()) return;
  absl::Duration every;
  if (!absl::ParseDuration(*text, &every) || every < kShortestRotation ||
      every > kLongestRotation) {
    return faults.Add(node, "sealing.rotate_every",
                      "must be a duration from 1h to 87600h, e.g. 2160h (90 days)");
  }
  sealing.rotate_every = every;
}

}  // namespace

SecretSource ParseSecretSource(YamlFaults& faults, const YAML::Node& node, const std::string& field,
                               const std::string& folder, CommandSources commands) {
  SecretSource source;
  YamlFields fields(faults, node, field);
  int given = 0;
  fields.Optional("file", [&](const YAML::Node& file) {
    ++given;
    if (const auto text = Text(faults, file, field + ".file")) {
      source = {.kind = SecretSource::Kind::kFile, .name = AbsolutePath(folder, *text)};
    }
  });
  fields.Optional("env", [&](const YAML::Node& env) {
    ++given;
    if (const auto text = Text(faults, env, field + ".env")) {
      source = {.kind = SecretSource::Kind::kEnv, .name = *text};
    }
  });
  const bool may_run = commands == CommandSources::kAllowed;
  if (may_run) {
    fields.Optional("command", [&](const YAML::Node& command) {
      ++given;
      source = {.kind = SecretSource::Kind::kCommand,
                .command = ParseCommand(faults, command, field + ".command")};
    });
  }
  fields.End();
  if (given != 1) {
    faults.Add(
        node, field,
        absl::StrCat("needs exactly one of { file: PATH }",
                     may_run ? ", { env: NAME } and { command: [PROGRAM] }" : " and { env: NAME }",
                     "; the secret itself does not belong in this file"));
  }
  return source;
}

SealingConfig DefaultSealing(const std::string& folder) {
  SealingConfig sealing;
  sealing.master = {.kind = SecretSource::Kind::kFile,
                    .name = AbsolutePath(folder, kDefaultMasterFile)};
  return sealing;
}

SealingConfig ParseSealing(YamlFaults& faults, const YAML::Node& node, const std::string& folder) {
  SealingConfig sealing = DefaultSealing(folder);
  if (node.IsScalar()) {
    if (node.Scalar() == "off" || node.Scalar() == "false") {
      sealing.new_rows = SealingConfig::NewRows::kPlain;
    } else if (node.Scalar() != "on" && node.Scalar() != "true") {
      faults.Add(node, "sealing", "must be on, off, or a map with master, previous, rotate_every");
    }
    return sealing;
  }
  YamlFields fields(faults, node, "sealing");
  fields.Optional("master", [&](const YAML::Node& master) {
    sealing.master =
        ParseSecretSource(faults, master, "sealing.master", folder, CommandSources::kAllowed);
  });
  fields.Optional("previous", [&](const YAML::Node& previous) {
    if (!previous.IsSequence()) {
      return faults.Add(previous, "sealing.previous", "must be a list, e.g. [{ file: ./old }]");
    }
    for (const YAML::Node& entry : previous) {
      sealing.previous.push_back(
          ParseSecretSource(faults, entry, "sealing.previous", folder, CommandSources::kAllowed));
    }
  });
  fields.Optional("rotate_every",
                  [&](const YAML::Node& every) { ParseRotation(faults, every, sealing); });
  fields.End();
  return sealing;
}

}  // namespace onetake
