#include "runtime/server/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/server/checkpoint_config.h"
#include "runtime/server/listen_address.h"
#include "runtime/server/mcp_config.h"
#include "runtime/server/plugin_config.h"
#include "runtime/server/retention_config.h"
#include "runtime/server/yaml_fields.h"

namespace onetake {
namespace {

constexpr absl::string_view kDefaultListen = "127.0.0.1:7171";
constexpr absl::string_view kDefaultKeyFile = "onetake.key";
constexpr size_t kMostIndexedAttributes = 16;

class ConfigParser {
 public:
  ConfigParser(absl::string_view file_name, std::string folder)
      : faults_(file_name), folder_(std::move(folder)) {}

  absl::StatusOr<ServerConfig> Parse(const YAML::Node& root) {
    config_.intent_key.name = Absolute(kDefaultKeyFile);
    config_.sealing = DefaultSealing(folder_);
    Listen(YAML::Node(std::string(kDefaultListen)));
    YamlFields fields(faults_, root, "");
    fields.Required("ledger", [this](const YAML::Node& node) { Ledger(node); });
    fields.Required("tools", [this](const YAML::Node& node) { Tools(node); });
    fields.Optional("listen", [this](const YAML::Node& node) { Listen(node); });
    fields.Optional("intent_key", [this](const YAML::Node& node) { IntentKey(node); });
    fields.Optional("sealing", [this](const YAML::Node& node) {
      config_.sealing = ParseSealing(faults_, node, folder_);
    });
    fields.Optional("retention", [this](const YAML::Node& node) {
      config_.retention = ParseRetention(faults_, node);
    });
    fields.Optional("tenant", [this](const YAML::Node& node) { Tenant(node); });
    fields.Optional("limits", [this](const YAML::Node& node) { Limits(node); });
    fields.Optional("watch_tools", [this](const YAML::Node& node) { WatchTools(node); });
    fields.Optional("drain_grace", [this](const YAML::Node& node) { DrainGrace(node); });
    fields.Optional("metrics", [this](const YAML::Node& node) { Metrics(node); });
    fields.Optional("plugins", [this](const YAML::Node& node) {
      config_.plugins = ParsePlugins(faults_, node, folder_);
    });
    fields.Optional("mcp_servers", [this](const YAML::Node& node) {
      config_.mcp_servers = ParseMcpServers(faults_, node, folder_);
    });
    fields.Optional("log_level", [this](const YAML::Node& node) { Level(node); });
    fields.End();
    if (!faults_.empty()) return faults_.ToStatus();
    return std::move(config_);
  }

 private:
  std::string Absolute(absl::string_view path) const {
    const std::filesystem::path given{std::string(path)};
    return given.is_absolute() ? given
                               : (std::filesystem::path(folder_) / given).lexically_normal();
  }

  void Listen(const YAML::Node& node) {
    const auto text = Text(faults_, node, "listen");
    if (!text.has_value()) return;
    absl::StatusOr<std::string> address = ParseListenAddress(*text, folder_);
    if (!address.ok()) return faults_.Add(node, "listen", address.status().message());
    config_.listen = *std::move(address);
  }

  void Ledger(const YAML::Node& node) {
    YamlFields fields(faults_, node, "ledger");
    fields.Required("path", [this](const YAML::Node& path) {
      if (const auto text = Text(faults_, path, "ledger.path"))
        config_.ledger_path = Absolute(*text);
    });
    fields.Optional("checkpoints", [this](const YAML::Node& checkpoints) {
      config_.checkpoints = ParseCheckpoints(faults_, checkpoints, folder_);
    });
    fields.Optional("indexed_attributes",
                    [this](const YAML::Node& names) { IndexedAttributes(names); });
    fields.End();
    config_.checkpoints.TakeNames(config_.ledger_path);
  }

  void IndexedAttributes(const YAML::Node& node) {
    constexpr absl::string_view kField = "ledger.indexed_attributes";
    if (!node.IsSequence() || node.size() > kMostIndexedAttributes) {
      return faults_.Add(node, kField,
                         absl::StrCat("must be a list of at most ", kMostIndexedAttributes,
                                      " names, e.g. [caller_phone]"));
    }
    std::vector<std::string>& names = config_.indexed_attributes;
    for (const YAML::Node& entry : node) {
      const auto name = Text(faults_, entry, kField);
      if (!name.has_value()) continue;
      if (name->empty() || name->size() > limits::kAttributeKeyBytes) {
        faults_.Add(entry, kField,
                    absl::StrCat("a name has 1 to ", limits::kAttributeKeyBytes, " bytes"));
      } else if (std::find(names.begin(), names.end(), *name) != names.end()) {
        faults_.Add(entry, kField, "names an attribute twice");
      } else {
        names.push_back(*name);
      }
    }
  }

  void Tools(const YAML::Node& node) {
    if (!node.IsSequence() || node.size() == 0) {
      return faults_.Add(node, "tools", "must be a list of folders, e.g. [./tools.d]");
    }
    for (const YAML::Node& entry : node) {
      if (const auto text = Text(faults_, entry, "tools")) {
        config_.tool_folders.push_back(Absolute(*text));
      }
    }
  }

  void WatchTools(const YAML::Node& node) {
    const auto text = Text(faults_, node, "watch_tools");
    if (!text.has_value()) return;
    if (*text != "true" && *text != "false") {
      return faults_.Add(node, "watch_tools", "must be true or false");
    }
    config_.watch_tools = *text == "true";
  }

  void IntentKey(const YAML::Node& node) {
    config_.intent_key =
        ParseSecretSource(faults_, node, "intent_key", folder_, CommandSources::kNone);
  }

  void Tenant(const YAML::Node& node) {
    const auto text = Text(faults_, node, "tenant");
    if (!text.has_value()) return;
    constexpr absl::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (text->size() > 64 || text->find_first_not_of(std::string(kAllowed)) != std::string::npos) {
      return faults_.Add(node, "tenant", "must be 1 to 64 of [A-Za-z0-9_.-]");
    }
    config_.tenant = *text;
  }

  void Limits(const YAML::Node& node) {
    YamlFields fields(faults_, node, "limits");
    fields.Optional("in_flight", [this](const YAML::Node& value) {
      const auto text = Text(faults_, value, "limits.in_flight");
      if (!text.has_value()) return;
      int count = 0;
      if (!absl::SimpleAtoi(*text, &count) || count < 1 || count > 100'000) {
        return faults_.Add(value, "limits.in_flight", "must be a whole number from 1 to 100000");
      }
      config_.in_flight = static_cast<size_t>(count);
    });
    fields.End();
  }

  void DrainGrace(const YAML::Node& node) {
    const auto text = Text(faults_, node, "drain_grace");
    if (!text.has_value()) return;
    absl::Duration grace;
    if (!absl::ParseDuration(*text, &grace) || grace < absl::ZeroDuration() ||
        grace > absl::Minutes(10)) {
      return faults_.Add(node, "drain_grace", "must be a duration from 0s to 10m, e.g. 10s");
    }
    config_.drain_grace = grace;
  }

  void Metrics(const YAML::Node& node) {
    YamlFields fields(faults_, node, "metrics");
    fields.Required("listen", [this](const YAML::Node& value) {
      const auto text = Text(faults_, value, "metrics.listen");
      if (!text.has_value()) return;
      absl::StatusOr<std::string> address = ParseListenAddress(*text, folder_);
      if (!address.ok()) return faults_.Add(value, "metrics.listen", address.status().message());
      if (absl::StartsWith(*address, "unix:")) {
        return faults_.Add(value, "metrics.listen", "must be HOST:PORT, e.g. 127.0.0.1:9464");
      }
      config_.metrics_listen = *std::move(address);
    });
    fields.End();
  }

  void Level(const YAML::Node& node) {
    const auto text = Text(faults_, node, "log_level");
    if (!text.has_value()) return;
    constexpr std::pair<absl::string_view, LogLevel> kLevels[] = {{"debug", LogLevel::kDebug},
                                                                  {"info", LogLevel::kInfo},
                                                                  {"warning", LogLevel::kWarning},
                                                                  {"error", LogLevel::kError}};
    for (const auto& [name, level] : kLevels) {
      if (*text != name) continue;
      config_.log_level = level;
      return;
    }
    faults_.Add(node, "log_level", "must be debug, info, warning or error");
  }

  YamlFaults faults_;
  const std::string folder_;
  ServerConfig config_;
};

std::string FolderOf(absl::string_view file_name) {
  std::error_code ignored;  // a file name without a folder is still an answer
  const auto full = std::filesystem::absolute(std::string(file_name), ignored);
  return full.lexically_normal().parent_path();
}

}  // namespace

absl::StatusOr<ServerConfig> ParseConfig(absl::string_view text, absl::string_view file_name) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_name, ":1: must hold one YAML document with ledger and tools"));
    }
    return ConfigParser(file_name, FolderOf(file_name)).Parse(documents[0]);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":", error.mark.line + 1, ": is not YAML: ", error.msg));
  }
}

absl::StatusOr<ServerConfig> LoadConfig(const std::string& file_name) {
  std::ifstream file(file_name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(absl::StrCat(file_name, ": cannot be read: ", std::strerror(errno)));
  }
  return ParseConfig(text, file_name);
}

}  // namespace onetake
