#include "runtime/config/access_config.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/config/config_values.h"

namespace onetake {
namespace {

constexpr absl::string_view kDefaultTokenFile = "onetake.tokens";
constexpr size_t kMostCertificates = 256;
constexpr size_t kMostTenants = 1024;
constexpr size_t kMostNameBytes = 255;

RoleSet Roles(YamlFaults& faults, const YAML::Node& node, const std::string& field) {
  constexpr absl::string_view kRule =
      "must be a list of some of execute, audit, unseal and operate, e.g. [execute]";
  RoleSet roles;
  if (!node.IsSequence() || node.size() == 0) {
    faults.Add(node, field, kRule);
    return roles;
  }
  for (const YAML::Node& entry : node) {
    const std::optional<Role> role =
        entry.IsScalar() ? RoleFromString(entry.Scalar()) : std::nullopt;
    if (role.has_value()) {
      roles.Add(*role);
    } else {
      faults.Add(entry, field, kRule);
    }
  }
  return roles;
}

std::optional<CertificateRule> Certificate(YamlFaults& faults, const YAML::Node& node,
                                           const std::string& field) {
  CertificateRule rule;
  YamlFields fields(faults, node, field);
  fields.Required("name", [&](const YAML::Node& name) {
    const auto text = Text(faults, name, field + ".name");
    if (text.has_value() && text->size() > kMostNameBytes) {
      faults.Add(name, field + ".name", absl::StrCat("is longer than ", kMostNameBytes, " bytes"));
    }
    rule.name = text.value_or("");
  });
  fields.Required("tenant", [&](const YAML::Node& tenant) {
    rule.tenant = AccessName(faults, tenant, field + ".tenant");
  });
  fields.Required("roles", [&](const YAML::Node& roles) {
    rule.roles = Roles(faults, roles, field + ".roles");
  });
  fields.End();
  return rule;
}

void Certificates(YamlFaults& faults, const YAML::Node& node, AccessRules& rules) {
  constexpr char kField[] = "access.certificates";
  if (!node.IsSequence() || node.size() > kMostCertificates) {
    return faults.Add(node, kField,
                      absl::StrCat("must be a list of at most ", kMostCertificates,
                                   " maps with name, tenant and roles"));
  }
  std::set<std::string> names;
  for (const YAML::Node& entry : node) {
    std::optional<CertificateRule> rule = Certificate(faults, entry, kField);
    if (!names.insert(rule->name).second) faults.Add(entry, kField, "has this name twice");
    rules.certificates.push_back(*std::move(rule));
  }
}

AllowedTools Tools(YamlFaults& faults, const YAML::Node& node, const std::string& field) {
  if (node.IsScalar() && node.Scalar() == "all") return nullptr;
  auto tools = std::make_shared<std::set<std::string>>();
  if (!node.IsSequence()) {
    faults.Add(node, field, "must be a list of tools, or all");
    return tools;
  }
  for (const YAML::Node& entry : node) {
    const auto name = Text(faults, entry, field);
    if (!name.has_value()) continue;
    if (name->size() > limits::kToolNameBytes) faults.Add(entry, field, "is no name of a tool");
    if (!tools->insert(*name).second) faults.Add(entry, field, "names a tool twice");
  }
  return tools;
}

void Tenants(YamlFaults& faults, const YAML::Node& node, AccessRules& rules) {
  constexpr char kField[] = "access.tenants";
  if (!node.IsMap() || node.size() == 0 || node.size() > kMostTenants) {
    return faults.Add(node, kField,
                      absl::StrCat("must be a map of 1 to ", kMostTenants,
                                   " tenants, e.g. { acme: { tools: all } }"));
  }
  for (const auto& entry : node) {
    const std::string name = AccessName(faults, entry.first, kField);
    const std::string field = absl::StrCat(kField, ".", name);
    AllowedTools tools = std::make_shared<const std::set<std::string>>();
    YamlFields fields(faults, entry.second, field);
    fields.Required("tools",
                    [&](const YAML::Node& list) { tools = Tools(faults, list, field + ".tools"); });
    fields.End();
    if (!rules.tenants.emplace(name, std::move(tools)).second) {
      faults.Add(entry.first, field, "is given twice");
    }
  }
}

}  // namespace

std::string AccessName(YamlFaults& faults, const YAML::Node& node, const std::string& field) {
  const auto text = Text(faults, node, field);
  if (!text.has_value()) return "";
  if (!IsAccessName(*text)) faults.Add(node, field, kAccessNameRule);
  return *text;
}

AccessRules DefaultAccess(const std::string& folder) {
  AccessRules rules;
  rules.token_file = AbsolutePath(folder, kDefaultTokenFile);
  return rules;
}

AccessRules ParseAccess(YamlFaults& faults, const YAML::Node& node, const std::string& folder) {
  AccessRules rules = DefaultAccess(folder);
  if (node.IsScalar()) {
    if (node.Scalar() == "open") {
      rules.mode = AccessRules::Mode::kOpen;
      rules.token_file.clear();
    } else {
      faults.Add(node, "access", "must be open, or a map with tokens, certificates and tenants");
    }
    return rules;
  }
  YamlFields fields(faults, node, "access");
  fields.Optional("tokens", [&](const YAML::Node& file) {
    if (const auto text = Text(faults, file, "access.tokens")) {
      rules.token_file = AbsolutePath(folder, *text);
    }
  });
  fields.Optional("certificates",
                  [&](const YAML::Node& list) { Certificates(faults, list, rules); });
  fields.Optional("tenants", [&](const YAML::Node& map) { Tenants(faults, map, rules); });
  fields.End();
  return rules;
}

}  // namespace onetake
