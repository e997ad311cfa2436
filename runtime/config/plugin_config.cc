#include "runtime/config/plugin_config.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/config/config_values.h"
#include "runtime/config/listen_address.h"
#include "runtime/json/json.h"
#include "runtime/policy/egress.h"

namespace onetake {
namespace {

constexpr size_t kSha256Digits = 64;
constexpr int kMostThreads = 64;

// Converts YAML's plain scalars to what they are in JSON.
Json ToJson(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& entry : node) object[entry.first.Scalar()] = ToJson(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& entry : node) list.push_back(ToJson(entry));
    return list;
  }
  if (!node.IsScalar()) return nullptr;
  if (node.Tag() == "!") return node.Scalar();  // in quotes
  const Json plain = Json::parse(node.Scalar(), nullptr, /*allow_exceptions=*/false);
  return plain.is_discarded() || plain.is_structured() || plain.is_string() ? Json(node.Scalar())
                                                                            : plain;
}

class PluginParser {
 public:
  PluginParser(YamlFaults& faults, const std::string& folder, std::string name)
      : faults_(faults), folder_(folder), field_(absl::StrCat("plugins.", name)) {
    spec_.name = std::move(name);
  }

  PluginSpec Parse(const YAML::Node& node);

 private:
  std::string Field(absl::string_view name) const { return absl::StrCat(field_, ".", name); }
  void Path(const YAML::Node& node, absl::string_view name, std::string& out) {
    if (const auto text = Text(faults_, node, Field(name))) out = AbsolutePath(folder_, *text);
  }
  void Kind(PluginSpec::Kind kind) {
    spec_.kind = kind;
    ++kinds_;
  }
  void Sha256(const YAML::Node& node);
  void Isolation(const YAML::Node& node);
  void Threads(const YAML::Node& node);
  void Settings(const YAML::Node& node);
  void Address(const YAML::Node& node);
  void Tls(const YAML::Node& node);
  void Environment(const YAML::Node& node);
  // Reports what is given beside the wrong kind of plugin, and what is missing.
  void Check(const YAML::Node& node);

  YamlFaults& faults_;
  const std::string& folder_;
  const std::string field_;
  PluginSpec spec_;
  int kinds_ = 0;
  bool has_threads_ = false;
  bool has_settings_ = false;
  bool has_isolation_ = false;
  bool has_name_ = false;  // whether its address has a name
};

void PluginParser::Sha256(const YAML::Node& node) {
  const auto text = Text(faults_, node, Field("sha256"));
  if (!text.has_value()) return;
  spec_.sha256 = absl::AsciiStrToLower(*text);
  const bool hex = spec_.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (spec_.sha256.size() == kSha256Digits && hex) return;
  faults_.Add(node, Field("sha256"), "must be 64 hex digits, as `sha256sum FILE` prints them");
}

void PluginParser::Isolation(const YAML::Node& node) {
  has_isolation_ = true;
  const auto text = Text(faults_, node, Field("isolation"));
  if (!text.has_value()) return;
  if (*text == "process") {
    spec_.isolation = PluginSpec::Isolation::kProcess;
  } else if (*text != "threads") {
    faults_.Add(node, Field("isolation"), "must be threads or process");
  }
}

void PluginParser::Threads(const YAML::Node& node) {
  has_threads_ = true;
  const auto text = Text(faults_, node, Field("threads"));
  if (!text.has_value()) return;
  if (absl::SimpleAtoi(*text, &spec_.threads) && spec_.threads >= 1 &&
      spec_.threads <= kMostThreads) {
    return;
  }
  faults_.Add(node, Field("threads"), absl::StrCat("must be a number from 1 to ", kMostThreads));
}

void PluginParser::Settings(const YAML::Node& node) {
  has_settings_ = true;
  if (!node.IsMap()) return faults_.Add(node, Field("settings"), "must be a mapping");
  spec_.settings_json = DumpJson(ToJson(node));
}

void PluginParser::Address(const YAML::Node& node) {
  Kind(PluginSpec::Kind::kAddress);
  const auto text = Text(faults_, node, Field("address"));
  if (!text.has_value()) return;
  spec_.address = *text;
  if (absl::StartsWith(*text, "unix:")) {
    spec_.address = absl::StrCat("unix:", AbsolutePath(folder_, text->substr(5)));
    return;
  }
  const size_t colon = text->rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(text->substr(colon + 1), &port) || port < 1 || port > 65535) {
    return faults_.Add(node, Field("address"), "must be HOST:PORT or unix:PATH");
  }
  const absl::StatusOr<UrlHost> host = ParseUrlHost(absl::string_view(*text).substr(0, colon));
  if (!host.ok()) return faults_.Add(node, Field("address"), host.status().message());
  has_name_ = host->kind != UrlHost::Kind::kAddress;
}

void PluginParser::Tls(const YAML::Node& node) {
  PluginSpec::Tls tls;
  YamlFields fields(faults_, node, Field("tls"));
  fields.Optional("ca_file",
                  [&](const YAML::Node& value) { Path(value, "tls.ca_file", tls.ca_file); });
  fields.Optional("cert_file",
                  [&](const YAML::Node& value) { Path(value, "tls.cert_file", tls.cert_file); });
  fields.Optional("key_file",
                  [&](const YAML::Node& value) { Path(value, "tls.key_file", tls.key_file); });
  fields.Optional("server_name", [&](const YAML::Node& value) {
    tls.server_name = Text(faults_, value, Field("tls.server_name")).value_or("");
  });
  fields.End();
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    faults_.Add(node, Field("tls"), "needs both of cert_file and key_file, or none of them");
  }
  spec_.tls = std::move(tls);
}

void PluginParser::Environment(const YAML::Node& node) {
  for (ConfigValue& value :
       ReadEnvironment(faults_, node, Field("environment"), folder_, SecretPrefix::kNone)) {
    spec_.environment.push_back({std::move(value.name), std::move(value.text), value.secret});
  }
}

void PluginParser::Check(const YAML::Node& node) {
  if (kinds_ != 1) {
    return faults_.Add(node, field_, "needs exactly one of native, command and address");
  }
  const bool native = spec_.kind == PluginSpec::Kind::kNative;
  const bool child = spec_.kind == PluginSpec::Kind::kCommand ||
                     (native && spec_.isolation == PluginSpec::Isolation::kProcess);
  if (native && spec_.sha256.empty()) {
    faults_.Add(node, Field("sha256"),
                "is required: 64 hex digits, as `sha256sum FILE` prints them");
  }
  if (!native && (!spec_.sha256.empty() || has_isolation_ || has_threads_ || has_settings_)) {
    faults_.Add(node, field_, "has sha256, isolation, threads or settings, which go with native");
  }
  if (!child && (!spec_.environment.empty() || !spec_.log_file.empty())) {
    faults_.Add(node, field_,
                "has environment or log_file, which go with a child: command, or native with "
                "isolation: process");
  }
  if (spec_.tls.has_value() && spec_.kind != PluginSpec::Kind::kAddress) {
    faults_.Add(node, Field("tls"), "goes with address");
  }
  if (!spec_.allow_networks.empty() && !has_name_) {
    faults_.Add(node, Field("allow_networks"),
                "goes with an address that is a name: an IP address says itself where it leads");
  }
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(spec_.address, folder_);
  const bool here = address.ok() && address->reach == ListenAddress::Reach::kMachine;
  if (spec_.kind == PluginSpec::Kind::kAddress && !spec_.tls.has_value() &&
      !spec_.address.empty() && !here) {
    faults_.Add(node, Field("tls"),
                "is required: without it only loopback and unix: addresses are called; tls: {} "
                "trusts the system's authorities");
  }
}

PluginSpec PluginParser::Parse(const YAML::Node& node) {
  YamlFields fields(faults_, node, field_);
  fields.Optional("native", [this](const YAML::Node& value) {
    Kind(PluginSpec::Kind::kNative);
    Path(value, "native", spec_.library);
  });
  fields.Optional("command", [this](const YAML::Node& value) {
    Kind(PluginSpec::Kind::kCommand);
    spec_.command = ReadCommand(faults_, value, Field("command"), folder_, "[./plugin, --flag]");
  });
  fields.Optional("address", [this](const YAML::Node& value) { Address(value); });
  fields.Optional("sha256", [this](const YAML::Node& value) { Sha256(value); });
  fields.Optional("isolation", [this](const YAML::Node& value) { Isolation(value); });
  fields.Optional("threads", [this](const YAML::Node& value) { Threads(value); });
  fields.Optional("settings", [this](const YAML::Node& value) { Settings(value); });
  fields.Optional("tls", [this](const YAML::Node& value) { Tls(value); });
  fields.Optional("allow_networks", [this](const YAML::Node& value) {
    spec_.allow_networks = ReadNetworks(faults_, value, Field("allow_networks"));
  });
  fields.Optional("environment", [this](const YAML::Node& value) { Environment(value); });
  fields.Optional("log_file",
                  [this](const YAML::Node& value) { Path(value, "log_file", spec_.log_file); });
  fields.End();
  if (node.IsMap()) Check(node);
  return std::move(spec_);
}

}  // namespace

std::vector<PluginSpec> ParsePlugins(YamlFaults& faults, const YAML::Node& node,
                                     const std::string& folder) {
  std::vector<PluginSpec> plugins;
  if (!node.IsMap()) {
    faults.Add(node, "plugins", "must be a map: NAME: { command: [...] }");
    return plugins;
  }
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (!IsConfigName(name)) {
      faults.Add(entry.first, "plugins", kConfigNameRule);
      continue;
    }
    for (const PluginSpec& other : plugins) {
      if (other.name == name)
        faults.Add(entry.first, absl::StrCat("plugins.", name), "is given twice; keep one");
    }
    plugins.push_back(PluginParser(faults, folder, name).Parse(entry.second));
  }
  return plugins;
}

}  // namespace onetake
