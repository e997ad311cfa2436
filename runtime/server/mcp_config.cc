#include "runtime/server/mcp_config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/catalog/header_rules.h"
#include "runtime/catalog/url.h"

namespace onetake {
namespace {

using Value = McpServerSpec::Value;

bool IsServerName(absl::string_view name) {
  return !name.empty() && name.size() <= limits::kToolNameBytes && absl::ascii_isalpha(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
}

bool IsVariable(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
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
  std::string Absolute(absl::string_view path) const {
    const std::filesystem::path given{std::string(path)};
    return given.is_absolute() ? given
                               : (std::filesystem::path(folder_) / given).lexically_normal();
  }
  void Url(const YAML::Node& node);
  void Command(const YAML::Node& node);
  void Era(const YAML::Node& node);
  void Headers(const YAML::Node& node);
  void Environment(const YAML::Node& node);
  std::vector<Value> Values(const YAML::Node& node, const std::string& field);
  void Secret(const YAML::Node& node, const std::string& field, Value& value);

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
  if (absl::StartsWith(url->origin, "http:") && !IsLoopback(url->origin)) {
    return faults_.Add(node, Field("url"), "must be https: only this machine is called by http");
  }
  spec_.url = absl::StrCat(url->origin, url->path);
}

void McpParser::Command(const YAML::Node& node) {
  ++kinds_;
  spec_.kind = McpServerSpec::Kind::kCommand;
  if (!node.IsSequence() || node.size() == 0) {
    return faults_.Add(
        node, Field("command"),
        "must be a list: the program and its arguments, e.g. [npx, -y, some-server]");
  }
  for (const YAML::Node& word : node) {
    if (const auto text = Text(faults_, word, Field("command"))) spec_.command.push_back(*text);
  }
  // Without a slash it is looked for in PATH.
  if (!spec_.command.empty() && absl::StrContains(spec_.command[0], "/")) {
    spec_.command[0] = Absolute(spec_.command[0]);
  }
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

void McpParser::Secret(const YAML::Node& node, const std::string& field, Value& value) {
  SecretRef secret;
  int given = 0;
  YamlFields fields(faults_, node, field);
  fields.Required("secret", [&](const YAML::Node& source) {
    YamlFields sources(faults_, source, absl::StrCat(field, ".secret"));
    sources.Optional("env", [&](const YAML::Node& text) {
      ++given;
      secret = {.kind = SecretRef::Kind::kEnv, .name = Text(faults_, text, field).value_or("")};
    });
    sources.Optional("file", [&](const YAML::Node& text) {
      ++given;
      secret = {.kind = SecretRef::Kind::kFile,
                .name = Absolute(Text(faults_, text, field).value_or(""))};
    });
    sources.End();
  });
  fields.Optional("prefix", [&](const YAML::Node& text) {
    value.prefix = Text(faults_, text, absl::StrCat(field, ".prefix")).value_or("");
  });
  fields.End();
  if (given != 1) faults_.Add(node, field, "needs { secret: { env: NAME } } or { file: PATH }");
  value.secret = std::move(secret);
}

std::vector<Value> McpParser::Values(const YAML::Node& node, const std::string& field) {
  std::vector<Value> values;
  if (!node.IsMap()) {
    faults_.Add(node, field, "must be a map: NAME: TEXT");
    return values;
  }
  for (const auto& member : node) {
    Value value{.name = member.first.IsScalar() ? member.first.Scalar() : ""};
    const std::string below = absl::StrCat(field, ".", value.name);
    if (member.second.IsMap()) {
      Secret(member.second, below, value);
    } else if (member.second.IsScalar()) {
      value.text = member.second.Scalar();
    } else {
      faults_.Add(member.second, below, "must be a text or { secret: { env: NAME } }");
    }
    values.push_back(std::move(value));
  }
  return values;
}

void McpParser::Headers(const YAML::Node& node) {
  spec_.headers = Values(node, Field("headers"));
  for (const Value& header : spec_.headers) {
    const std::string below = absl::StrCat(Field("headers"), ".", header.name);
    if (!IsHeaderName(header.name)) {
      faults_.Add(node, below, "is no name of a header");
    } else if (IsReservedHeader(header.name) || absl::StartsWithIgnoreCase(header.name, "mcp-")) {
      faults_.Add(node, below, "is a header that the protocol itself sets");
    } else if (!header.secret.has_value() && CredentialIn(header.name) == Credential::kSurely) {
      faults_.Add(node, below,
                  "is a secret: { secret: { env: NAME } } or { secret: { file: PATH } }");
    } else if (!IsHeaderText(header.text) || header.text.size() > limits::kHeaderValueBytes) {
      faults_.Add(node, below, "must be printable ASCII, at most 1,024 bytes");
    }
  }
}

void McpParser::Environment(const YAML::Node& node) {
  spec_.environment = Values(node, Field("environment"));
  for (const Value& variable : spec_.environment) {
    if (IsVariable(variable.name)) continue;
    faults_.Add(node, absl::StrCat(Field("environment"), ".", variable.name),
                "is no name of a variable: letters, digits and _");
  }
}

McpServerSpec McpParser::Parse(const YAML::Node& node) {
  YamlFields fields(faults_, node, field_);
  fields.Optional("url", [this](const YAML::Node& value) { Url(value); });
  fields.Optional("command", [this](const YAML::Node& value) { Command(value); });
  fields.Optional("headers", [this](const YAML::Node& value) { Headers(value); });
  fields.Optional("environment", [this](const YAML::Node& value) { Environment(value); });
  fields.Optional("log_file", [this](const YAML::Node& value) {
    if (const auto text = Text(faults_, value, Field("log_file"))) spec_.log_file = Absolute(*text);
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
    if (!IsServerName(name)) {
      faults.Add(entry.first, "mcp_servers",
                 "has a name that is none: a letter, then up to 63 letters, digits, _ and -");
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
