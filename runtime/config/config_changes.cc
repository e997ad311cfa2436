#include "runtime/config/config_changes.h"

#include <set>

namespace onetake {
namespace {

// Whether nothing of the section, or not all of it, waits for a restart.
bool IsLive(const std::string& section) {
  return section == "access" || section == "limits" || section == "sealing" ||
         section == "log_level";
}

}  // namespace

std::vector<std::string> NeedRestart(const ServerConfig& started, const ServerConfig& fresh) {
  std::set<std::string> fields;
  for (const auto& [mine, other] : {std::pair{&started, &fresh}, {&fresh, &started}}) {
    for (const auto& [section, text] : mine->sections) {
      const auto same = other->sections.find(section);
      const bool differs = same == other->sections.end() || same->second != text;
      if (differs && !IsLive(section)) fields.insert(section);
    }
  }
  if (started.access.mode != fresh.access.mode) fields.insert("access: open");
  if (started.access.token_file != fresh.access.token_file) fields.insert("access.tokens");
  if (started.limits.downstream_in_flight != fresh.limits.downstream_in_flight) {
    fields.insert("limits.downstream_in_flight");
  }
  if (started.sealing.new_rows != fresh.sealing.new_rows) fields.insert("sealing");
  if (started.sealing.rotate_every != fresh.sealing.rotate_every) {
    fields.insert("sealing.rotate_every");
  }
  return {fields.begin(), fields.end()};
}

std::optional<AccessRules> LiveAccess(const AccessRules& started, const AccessRules& fresh) {
  if (fresh.mode != started.mode) return std::nullopt;
  AccessRules rules = started;
  rules.certificates = fresh.certificates;
  rules.tenants = fresh.tenants;
  return rules;
}

}  // namespace onetake
