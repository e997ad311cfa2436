#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"
#include "runtime/config/yaml_fields.h"

// Readers that several sections of onetake.yaml share. Pure, except for the faults that are added.
namespace onetake {

// Whether it is a letter, then up to 63 letters, digits, _ and -: manifests call a plugin or a
// server so.
bool IsConfigName(absl::string_view name);
inline constexpr absl::string_view kConfigNameRule =
    "has a name that is none: a letter, then up to 63 letters, digits, _ and -";

// Returns `path` itself when it is absolute, otherwise below `folder`.
std::string AbsolutePath(const std::string& folder, absl::string_view path);

// Reads a program and its arguments. Without a slash the program is looked for in PATH; an argument
// is left as it is. `example` goes into the advice.
std::vector<std::string> ReadCommand(YamlFaults& faults, const YAML::Node& node,
                                     const std::string& field, const std::string& folder,
                                     absl::string_view example);

// NAME: text, or NAME: { secret: { env: NAME } or { file: PATH } }, which is resolved whenever it
// is used.
struct ConfigValue {
  std::string name;
  std::string text;  // or, behind `prefix`:
  std::optional<SecretRef> secret;
  std::string prefix;
};
enum class SecretPrefix { kNone, kAllowed };  // whether `prefix: TEXT` may stand beside a secret
std::vector<ConfigValue> ReadValues(YamlFaults& faults, const YAML::Node& node,
                                    const std::string& field, const std::string& folder,
                                    SecretPrefix prefix);
// Reads a list of networks, each as ParseAllowedNetwork() takes it.
std::vector<IpNetwork> ReadNetworks(YamlFaults& faults, const YAML::Node& node,
                                    const std::string& field);

// The same as ReadValues(), for the variables of a program.
std::vector<ConfigValue> ReadEnvironment(YamlFaults& faults, const YAML::Node& node,
                                         const std::string& field, const std::string& folder,
                                         SecretPrefix prefix);

}  // namespace onetake
