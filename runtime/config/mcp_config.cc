#include "runtime/config/mcp_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/catalog/header_rules.h"
#include "runtime/catalog/url.h"
#include "runtime/config/config_values.h"

namespace onetake {
namespace {

std::vector<McpServerSpec::Value> ToSpec(std::vector<ConfigValue> values) {
  std::vector<McpServerSpec::Value> converted;
  for (ConfigValue& value : values) {
    converted.push_back({std::move(value.name), std::move(value.text), std::move(value.secret),
                         std::move(value.prefix)});
  }
  return converted;
}

// Two of one name would be sent, of which a server may take either.
bool IsOfTheProtocol(absl::string_view header) {
  return absl::StartsWithIgnoreCase(header, "mcp-") || absl::EqualsIgnoreCase(header, "accept") ||
         absl::EqualsIgnoreCase(header, "content-type") ||
         absl::EqualsIgnoreCase(header, "last-event-id");
}

class McpParser {
 public:
  McpParser(YamlFaults& faults, const std::string& folder, std::string name)
      : faults_(faults), folder_(folder), field_(absl::StrCat("mcp_servers.", name)) {
    spec_.name = std::move(name);
  }

  McpServerSpec Parse(const YAML::Node& node);

 private:
  std::string Field(absl::string_view name) const { return absl::StrCat(field_, ".", name); }
  void Url(const YAML::Node& node);
  void Era(const YAML::Node& node);
  void Headers(const YAML::Node& node);

  YamlFaults& faults_;
  const std::string& folder_;
  const std::string field_;
  McpServerSpec spec_;
  int kinds_ = 0;
};

void McpParser::Url(const YAML::Node& node) {
  ++kinds_;
  spec_.kind = McpServerSpec::Kind::kHttp;
  const auto text = Text(faults_, node, Field("url"));
  if (!text.has_value()) return;
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(*text);
  if (!url.ok()) return faults_.Add(node, Field("url"), url.status().message());
  if (absl::StrContains(url->path, "{")) {
    return faults_.Add(node, Field("url"), "has a {hole}; it must be the address as it is");
  }
  const absl::Status egress = CheckEgress(*url, spec_.allow_networks);
  if (!egress.ok()) return faults_.Add(node, Field("url"), egress.message());
  spec_.url = absl::StrCat(url->origin, url->path);
}

void McpParser::Era(const YAML::Node& node) {
  const auto text = Text(faults_, node, Field("era"));
  if (!text.has_value() || *text == "auto") return;
  if (*text == "2026-07-28") {
    spec_.era = McpServerSpec::Era::kModern;
  } else if (*text == "legacy") {
    spec_.era = McpServerSpec::Era::kLegacy;
  } else {
    faults_.Add(node, Field("era"), "must be auto, 2026-07-28 or legacy");
  }
}

void McpParser::Headers(const YAML::Node& node) {
  spec_.headers =
      ToSpec(ReadValues(faults_, node, Field("headers"), folder_, SecretPrefix::kAllowed));
  for (const McpServerSpec::Value& header : spec_.headers) {
    const std::string below = absl::StrCat(Field("headers"), ".", header.name);
    if (!IsHeaderName(header.name)) {
      faults_.Add(node, below, "is no name of a header");
    } else if (IsReservedHeader(header.name) || IsOfTheProtocol(header.name)) {
      faults_.Add(node, below, "is a header that the protocol itself sets");
    } else if (!header.secret.has_value() && CredentialIn(header.name) == Credential::kSurely) {
      faults_.Add(node, below,
                  "is a secret: { secret: { env: NAME } } or { secret: { file: PATH } }");
    } else if (!IsHeaderText(header.text)) {
      faults_.Add(node, below, "must be printable ASCII, at most 1,024 bytes");
    } else if (!IsHeaderText(header.prefix)) {
      faults_.Add(node, absl::StrCat(below, ".prefix"),
                  "must be printable ASCII in one line, at most 1,024 bytes");
    }
  }
}

McpServerSpec McpParser::Parse(const YAML::Node& node) {
  YamlFields fields(faults_, node, field_);
  // The networks come first: the URL is judged by them.
  fields.Optional("allow_networks", [this](const YAML::Node& value) {
    spec_.allow_networks = ReadNetworks(faults_, value, Field("allow_networks"));
  });
  fields.Optional("url", [this](const YAML::Node& value) { Url(value); });
  fields.Optional("command", [this](const YAML::Node& value) {
    ++kinds_;
    spec_.kind = McpServerSpec::Kind::kCommand;
    spec_.command =
        ReadCommand(faults_, value, Field("command"), folder_, "[npx, -y, some-server]");
  });
  fields.Optional("headers", [this](const YAML::Node& value) { Headers(value); });
  fields.Optional("environment", [this](const YAML::Node& value) {
    spec_.environment = ToSpec(
        ReadEnvironment(faults_, value, Field("environment"), folder_, SecretPrefix::kAllowed));
  });
  fields.Optional("log_file", [this](const YAML::Node& value) {
    if (const auto text = Text(faults_, value, Field("log_file"))) {
      spec_.log_file = AbsolutePath(folder_, *text);
    }
  });
  fields.Optional("era", [this](const YAML::Node& value) { Era(value); });
  fields.End();
  if (!node.IsMap()) return std::move(spec_);
  if (kinds_ != 1) faults_.Add(node, field_, "needs exactly one of url and command");
  const bool http = spec_.kind == McpServerSpec::Kind::kHttp;
  if (http && (!spec_.environment.empty() || !spec_.log_file.empty())) {
    faults_.Add(node, field_, "has environment or log_file, which go with command");
  }
  if (!http && !spec_.headers.empty()) {
    faults_.Add(node, Field("headers"), "goes with url");
  }
  if (!http && !spec_.allow_networks.empty()) {
    faults_.Add(node, Field("allow_networks"), "goes with url");
  }
  return std::move(spec_);
}

}  // namespace

std::vector<McpServerSpec> ParseMcpServers(YamlFaults& faults, const YAML::Node& node,
                                           const std::string& folder) {
  std::vector<McpServerSpec> servers;
  if (!node.IsMap()) {
    faults.Add(node, "mcp_servers", "must be a map: NAME: { url: https://... }");
    return servers;
  }
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (!IsConfigName(name)) {
      faults.Add(entry.first, "mcp_servers", kConfigNameRule);
      continue;
    }
    const bool twice = std::any_of(servers.begin(), servers.end(),
                                   [&](const McpServerSpec& other) { return other.name == name; });
    if (twice) {
      faults.Add(entry.first, absl::StrCat("mcp_servers.", name), "is given twice; keep one");
    }
    servers.push_back(McpParser(faults, folder, name).Parse(entry.second));
  }
  return servers;
}

}  // namespace onetake
