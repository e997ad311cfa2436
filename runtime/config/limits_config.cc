#include "runtime/config/limits_config.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr int kMostCalls = 100'000;
constexpr int kMostConnections = 100'000;
constexpr int kMostAttempts = static_cast<int>(limits::kInFlight);
constexpr int kMostWatchers = static_cast<int>(StreamLimitOptions{}.watchers);
constexpr int kMostRate = 1'000'000;

// Returns 0, which no limit may be, when the number is wrong.
int Number(YamlFaults& faults, const YAML::Node& node, const std::string& field, int most) {
  const auto text = Text(faults, node, field);
  if (!text.has_value()) return 0;
  int number = 0;
  if (absl::SimpleAtoi(*text, &number) && number >= 1 && number <= most) return number;
  faults.Add(node, field, absl::StrCat("must be a whole number from 1 to ", most));
  return 0;
}

void ParseTenant(YamlFaults& faults, const YAML::Node& node, LimitsConfig& limits) {
  CallLimitOptions& calls = limits.calls;
  YamlFields fields(faults, node, "limits.tenant");
  fields.Optional("in_flight", [&](const YAML::Node& value) {
    calls.tenant_in_flight =
        static_cast<size_t>(Number(faults, value, "limits.tenant.in_flight", kMostCalls));
  });
  fields.Optional("rate", [&](const YAML::Node& value) {
    calls.tenant_rate = Number(faults, value, "limits.tenant.rate", kMostRate);
    calls.tenant_burst = 2 * calls.tenant_rate;
  });
  fields.Optional("burst", [&](const YAML::Node& value) {
    if (calls.tenant_rate == 0) faults.Add(value, "limits.tenant.burst", "goes with a rate");
    calls.tenant_burst = Number(faults, value, "limits.tenant.burst", kMostRate);
  });
  fields.Optional("sessions", [&](const YAML::Node& value) {
    limits.streams.tenant_sessions =
        static_cast<size_t>(Number(faults, value, "limits.tenant.sessions", kMostCalls));
  });
  fields.Optional("watchers", [&](const YAML::Node& value) {
    limits.streams.tenant_watchers =
        static_cast<size_t>(Number(faults, value, "limits.tenant.watchers", kMostWatchers));
  });
  fields.End();
}

}  // namespace

LimitsConfig ParseLimits(YamlFaults& faults, const YAML::Node& node) {
  LimitsConfig limits;
  YamlFields fields(faults, node, "limits");
  fields.Optional("in_flight", [&](const YAML::Node& value) {
    limits.calls.in_flight =
        static_cast<size_t>(Number(faults, value, "limits.in_flight", kMostCalls));
    limits.calls.tenant_in_flight = limits.calls.in_flight;
  });
  fields.Optional("downstream_in_flight", [&](const YAML::Node& value) {
    limits.downstream_in_flight =
        static_cast<size_t>(Number(faults, value, "limits.downstream_in_flight", kMostAttempts));
  });
  fields.Optional("connections", [&](const YAML::Node& value) {
    limits.connections =
        static_cast<size_t>(Number(faults, value, "limits.connections", kMostConnections));
  });
  fields.Optional("sessions", [&](const YAML::Node& value) {
    limits.streams.sessions =
        static_cast<size_t>(Number(faults, value, "limits.sessions", kMostCalls));
  });
  fields.Optional("tenant", [&](const YAML::Node& tenant) { ParseTenant(faults, tenant, limits); });
  fields.End();
  return limits;
}

}  // namespace onetake
