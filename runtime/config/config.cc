#include "runtime/config/config.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/config/access_config.h"
#include "runtime/config/checkpoint_config.h"
#include "runtime/config/file_clash.h"
#include "runtime/config/limits_config.h"
#include "runtime/config/listen_address.h"
#include "runtime/config/mcp_config.h"
#include "runtime/config/plugin_config.h"
#include "runtime/config/retention_config.h"
#include "runtime/config/yaml_fields.h"

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
    config_.access = DefaultAccess(folder_);
    Listen(YAML::Node(std::string(kDefaultListen)));
    YamlFields fields(faults_, root, "");
    fields.Required("ledger", [this](const YAML::Node& node) { Ledger(node); });
    fields.Required("tools", [this](const YAML::Node& node) { Tools(node); });
    fields.Optional("listen", [this](const YAML::Node& node) { Listen(node); });
    fields.Optional("listen_group", [this](const YAML::Node& node) { ListenGroup(node); });
    fields.Optional(
        "tls", [this](const YAML::Node& node) { config_.tls = ParseTls(faults_, node, folder_); });
    fields.Optional("access", [this](const YAML::Node& node) {
      config_.access = ParseAccess(faults_, node, folder_);
    });
    fields.Optional("reflection", [this](const YAML::Node& node) { Reflection(node); });
    fields.Optional("intent_key", [this](const YAML::Node& node) { IntentKey(node); });
    fields.Optional("sealing", [this](const YAML::Node& node) {
      config_.sealing = ParseSealing(faults_, node, folder_);
    });
    fields.Optional("retention", [this](const YAML::Node& node) {
      config_.retention = ParseRetention(faults_, node);
    });
    fields.Optional("tenant", [this](const YAML::Node& node) { Tenant(node); });
    fields.Optional(
        "limits", [this](const YAML::Node& node) { config_.limits = ParseLimits(faults_, node); });
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
    CheckReach(root);
    CheckFiles(root);
    TakeReflection();
    if (!faults_.empty()) return faults_.ToStatus();
    for (const auto& section : root) {
      config_.sections[section.first.Scalar()] = YAML::Dump(section.second);
    }
    return std::move(config_);
  }

  const std::set<std::string>& known() const { return faults_.known(); }

 private:
  std::string Absolute(absl::string_view path) const {
    const std::filesystem::path given{std::string(path)};
    return given.is_absolute() ? given
                               : (std::filesystem::path(folder_) / given).lexically_normal();
  }

  void Listen(const YAML::Node& node) {
    const auto text = Text(faults_, node, "listen");
    if (!text.has_value()) return;
    absl::StatusOr<ListenAddress> address = ParseListenAddress(*text, folder_);
    if (!address.ok()) return faults_.Add(node, "listen", address.status().message());
    reach_ = address->reach;
    config_.listen = std::move(address->text);
  }

  void ListenGroup(const YAML::Node& node) {
    if (const auto text = Text(faults_, node, "listen_group")) config_.listen_group = *text;
  }

  void CheckFiles(const YAML::Node& root) {
    for (const FileClash& clash : FindFileClashes(config_)) {
      faults_.Add(root, clash.field,
                  absl::StrCat("names a file of ", clash.other, ": each needs one of its own"));
    }
  }

  // Checks what only several fields together say.
  void CheckReach(const YAML::Node& root) {
    const bool open = config_.access.mode == AccessRules::Mode::kOpen;
    if (reach_ == ListenAddress::Reach::kNetwork) {
      if (!config_.tls.on()) {
        faults_.Add(root["listen"], "listen",
                    "can be reached from other machines, so it needs tls; without it use "
                    "127.0.0.1:7171 or unix:/run/onetake/onetake.sock");
      }
      if (open) {
        faults_.Add(root["access"], "access",
                    "open is for a loopback address or a Unix socket: whoever reaches `listen` "
                    "could do everything");
      }
    }
    if (!config_.listen_group.empty() && !absl::StartsWith(config_.listen, "unix:")) {
      faults_.Add(root["listen_group"], "listen_group",
                  "goes with a Unix socket, e.g. listen: unix:/run/onetake/onetake.sock; an "
                  "address has no group");
    }
    if (!config_.access.certificates.empty() && config_.tls.client_ca_file.empty()) {
      faults_.Add(root["access"], "access.certificates",
                  "needs tls.client_ca: nobody's certificate is looked at without it");
    }
    CheckPorts(root);
    if (!open && root["tenant"]) {
      faults_.Add(root["tenant"], "tenant",
                  "goes with access: open; otherwise the tenant is that of the credential");
    }
  }

  // A port of all addresses is a port of the loopback address, too.
  void CheckPorts(const YAML::Node& root) {
    const absl::string_view ours = config_.listen, theirs = config_.metrics_listen;
    const size_t colon = ours.rfind(':'), their_colon = theirs.rfind(':');
    if (theirs.empty() || absl::StartsWith(ours, "unix:")) return;
    const absl::string_view host = ours.substr(0, colon);
    const bool same_host =
        host == theirs.substr(0, their_colon) || host == "0.0.0.0" || host == "[::]";
    const absl::string_view port = theirs.substr(their_colon + 1);
    if (same_host && port != "0" && ours.substr(colon + 1) == port) {
      faults_.Add(root["metrics"], "metrics.listen",
                  absl::StrCat("is the port of listen, ", ours, ": it needs one of its own"));
    }
  }

  void Reflection(const YAML::Node& node) {
    const auto text = Text(faults_, node, "reflection");
    if (!text.has_value()) return;
    if (*text != "auto" && *text != "on" && *text != "off") {
      return faults_.Add(node, "reflection", "must be auto, on or off");
    }
    reflection_ = *text;
  }

  // gRPC answers reflection without asking who asks.
  void TakeReflection() {
    const bool on =
        reflection_ == "on" || (reflection_ == "auto" && reach_ == ListenAddress::Reach::kMachine);
    config_.reflection = on ? ServerConfig::Reflection::kOn : ServerConfig::Reflection::kOff;
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
    config_.access.open_tenant = AccessName(faults_, node, "tenant");
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
      absl::StatusOr<ListenAddress> address = ParseListenAddress(*text, folder_);
      if (!address.ok()) return faults_.Add(value, "metrics.listen", address.status().message());
      if (absl::StartsWith(address->text, "unix:") ||
          address->reach != ListenAddress::Reach::kMachine) {
        return faults_.Add(value, "metrics.listen",
                           "must be a loopback address and a port, e.g. 127.0.0.1:9464");
      }
      config_.metrics_listen = std::move(address->text);
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
  ListenAddress::Reach reach_ = ListenAddress::Reach::kMachine;
  std::string reflection_ = "auto";
  ServerConfig config_;
};

class NoEvents final : public YAML::EventHandler {
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// YAML::LoadAll is not used: in some texts that are no YAML yaml-cpp 0.7 finds documents without
// end.
bool IsOneDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  NoEvents none;
  return parser.HandleNextDocument(none) && !parser.HandleNextDocument(none);
}

std::string FolderOf(absl::string_view file_name) {
  std::error_code ignored;  // a file name without a folder is still an answer
  const auto full = std::filesystem::absolute(std::string(file_name), ignored);
  return full.lexically_normal().parent_path();
}

}  // namespace

absl::StatusOr<ServerConfig> ParseConfig(absl::string_view text, absl::string_view file_name) {
  try {
    if (!IsOneDocument(std::string(text))) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_name, ":1: must hold one YAML document with ledger and tools"));
    }
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsMap()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_name, ":1: must hold a map of fields, ledger and tools among them"));
    }
    return ConfigParser(file_name, FolderOf(file_name)).Parse(root);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":", error.mark.line + 1, ": is not YAML: ", error.msg));
  }
}

std::set<std::string> KnownConfigFields(absl::string_view text) {
  try {
    ConfigParser parser("", "");
    parser.Parse(YAML::Load(std::string(text))).status().IgnoreError();
    return parser.known();
  } catch (const YAML::Exception&) {
    return {};
  }
}

absl::StatusOr<ServerConfig> LoadConfig(const std::string& file_name) {
  std::error_code ignored;  // if it is anything else, the reading says so
  if (std::filesystem::is_directory(file_name, ignored)) {
    return absl::NotFoundError(
        absl::StrCat(file_name, ": cannot be read: it is a folder; name the file in it"));
  }
  std::ifstream file(file_name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(absl::StrCat(file_name, ": cannot be read: ", std::strerror(errno)));
  }
  return ParseConfig(text, file_name);
}

}  // namespace onetake
