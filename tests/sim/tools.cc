#include "tests/sim/tools.h"

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/check.h"

namespace onetake::sim {
namespace {

constexpr char kBookingSchema[] = R"({
  "type": "object",
  "properties": {
    "slot_iso": {"type": "string"}, "provider_id": {"type": "string"},
    "patient_id": {"type": "string"}, "notes": {"type": "string"}
  },
  "required": ["slot_iso", "provider_id", "patient_id"],
  "additionalProperties": false
})";

constexpr char kCancelSchema[] = R"({
  "type": "object",
  "properties": {"appointment_id": {"type": "integer"}, "notes": {"type": "string"}},
  "required": ["appointment_id"],
  "additionalProperties": false
})";

constexpr char kCancelSlotSchema[] = R"({
  "type": "object",
  "properties": {
    "slot_iso": {"type": "string"}, "patient_id": {"type": "string"}, "notes": {"type": "string"}
  },
  "required": ["slot_iso", "patient_id"],
  "additionalProperties": false
})";

std::shared_ptr<Tool> NewTool(std::string name, int version) {
  auto tool = std::make_shared<Tool>();
  tool->name = std::move(name);
  tool->version = absl::StrCat("v", version);
  tool->request_version = "r1";
  tool->executor = "sim";
  if (version % 2 == 1) tool->timeouts.attempt = absl::Seconds(6);
  tool->timeouts.patience = absl::Seconds(version == 2 ? 2 : 4);
  return tool;
}

ProbeSpec MakeProbe(Nature nature, const Faults& faults) {
  ProbeSpec probe;
  probe.tool = "find";
  probe.args = JsonTemplate::Parse(Json{{"api", NameOf(nature)},
                                        {"slot_iso", "$.slot_iso"},
                                        {"provider_id", "$.provider_id"}})
                   .value();
  probe.applied_if = JsonPath::Parse("$.found[0].id").value();
  probe.result = JsonPath::Parse("$.found[0]").value();
  probe.ours = {{.found = JsonPath::Parse("$.patient_id").value(),
                 .argument = JsonPath::Parse("$.patient_id").value()}};
  if (faults.eventual) probe.consistency = ProbeSpec::Consistency::kEventual;
  return probe;
}

// Whoever looks and finds nothing has cancelled it, or never had it.
ProbeSpec MakeCancelProbe(Nature nature, const Faults& faults) {
  ProbeSpec probe;
  probe.tool = kStanding;
  probe.args =
      JsonTemplate::Parse(
          Json{{"api", NameOf(nature)}, {"slot_iso", "$.slot_iso"}, {"patient_id", "$.patient_id"}})
          .value();
  probe.applied_if = JsonPath::Parse("$.gone").value();
  if (faults.eventual) probe.consistency = ProbeSpec::Consistency::kEventual;
  return probe;
}

RetrySafety SafetyOf(Nature nature, const Faults& faults, int version) {
  const bool careful = version == 3;  // its author has lost faith
  RetrySafety safety;
  safety.keyed = HonoursKeys(nature) && !careful;
  if (safety.keyed) safety.key_retention = MemoryOf(nature, faults);
  safety.natural = nature == Nature::kNatural;
  safety.probed = nature == Nature::kProbed || nature == Nature::kShort ||
                  nature == Nature::kDiary || nature == Nature::kRegular;
  return safety;
}

// What names an appointment where it is cancelled by that. Its author thinks otherwise of it in
// every other version.
std::vector<IdentityField> SlotAndPatient(const Faults& faults, int version) {
  const bool otherwise = faults.reidentified && version % 2 == 1;
  return {{"$.slot_iso", "slot_iso", Normaliser::kInstant},
          {"$.patient_id", "patient_id", otherwise ? Normaliser::kText : Normaliser::kVerbatim}};
}

std::vector<ScopePart> ScopeOf(Nature nature) {
  if (nature == Nature::kFront) return {{.kind = ScopeKind::kTenant}};
  if (nature != Nature::kRegular) return {{.kind = ScopeKind::kSession}};
  return {{.kind = ScopeKind::kAttribute, .attribute = "caller_phone"}};
}

std::shared_ptr<Tool> BookingTool(Nature nature, const Faults& faults, int version) {
  std::shared_ptr<Tool> tool = NewTool(absl::StrCat("book_", NameOf(nature)), version);
  tool->safety = SafetyOf(nature, faults, version);
  tool->parameters = JsonSchema::Compile(Json::parse(kBookingSchema)).value();
  tool->intent.scope = ScopeOf(nature);
  tool->intent.identity = {{"$.slot_iso", "slot_iso", Normaliser::kInstant},
                           {"$.provider_id", "provider_id", Normaliser::kVerbatim}};
  tool->intent.ignored = {"$.notes"};
  if (CancelsByIdentity(nature)) {
    tool->intent.identity = SlotAndPatient(faults, version);
  } else {
    tool->result_ref = JsonPath::Parse("$.id").value();
  }
  if (tool->safety.probed) tool->probe = MakeProbe(nature, faults);
  if (nature == Nature::kProbed || nature == Nature::kRegular) {
    tool->intent.near = NearSpec{.same = {{"$.patient_id", "patient_id", Normaliser::kVerbatim}},
                                 .window = absl::Hours(1)};
  }
  const bool may_be_read = nature == Nature::kProbed || nature == Nature::kNone;
  if (faults.reclassified && may_be_read && version == 1) tool->effect = Effect::kRead;
  if (nature == Nature::kRegular && version == 1) {
    tool->intent.near->action = NearSpec::Action::kReject;
  }
  if (nature == Nature::kJob) {
    tool->job = JobSpec{.id = JsonPath::Parse("$.job").value(),
                        .tool = "job_status",
                        .args = JsonTemplate::Parse(Json{{"job", "$.job"}}).value(),
                        .done_if = JsonPath::Parse("$.done").value(),
                        .failed_if = JsonPath::Parse("$.failed").value(),
                        .result = JsonPath::Parse("$.result").value()};
  }
  return tool;
}

std::shared_ptr<Tool> CancelTool(Nature nature, int version) {
  std::shared_ptr<Tool> tool = NewTool(absl::StrCat("cancel_", NameOf(nature)), version);
  tool->safety.natural = true;
  tool->parameters = JsonSchema::Compile(Json::parse(kCancelSchema)).value();
  tool->intent.scope = ScopeOf(nature);
  tool->intent.identity = {{"$.appointment_id", "appointment_id", Normaliser::kVerbatim}};
  tool->intent.ignored = {"$.notes"};
  tool->reverses = ReversesSpec{.tool = absl::StrCat("book_", NameOf(nature)),
                                .argument = JsonPath::Parse("$.appointment_id").value(),
                                .result = JsonPath::Parse("$.id").value()};
  return tool;
}

std::shared_ptr<Tool> CancelByIdentityTool(Nature nature, const Faults& faults, int version) {
  std::shared_ptr<Tool> tool = NewTool(absl::StrCat("cancel_", NameOf(nature)), version);
  tool->safety = SafetyOf(nature, faults, version);
  tool->parameters = JsonSchema::Compile(Json::parse(kCancelSlotSchema)).value();
  tool->intent.scope = {{.kind = ScopeKind::kSession}};
  tool->intent.identity = SlotAndPatient(faults, version);
  tool->intent.ignored = {"$.notes"};
  if (tool->safety.probed) tool->probe = MakeCancelProbe(nature, faults);
  const Json identity{{"slot_iso", "$.slot_iso"}, {"patient_id", "$.patient_id"}};
  tool->reverses = ReversesSpec{.tool = absl::StrCat("book_", NameOf(nature)),
                                .identity = JsonTemplate::Parse(identity).value()};
  return tool;
}

std::shared_ptr<Tool> RestoreTool(Nature nature, const Faults& faults, int version) {
  std::shared_ptr<Tool> tool = CancelByIdentityTool(nature, faults, version);
  tool->name = absl::StrCat("restore_", NameOf(nature));
  tool->reverses->tool = absl::StrCat("cancel_", NameOf(nature));
  return tool;
}

std::shared_ptr<Tool> ReadTool(std::string name, int version) {
  std::shared_ptr<Tool> tool = NewTool(std::move(name), version);
  tool->effect = Effect::kRead;
  tool->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  return tool;
}

}  // namespace

std::string NameOf(Nature nature) {
  switch (nature) {
    case Nature::kKeyed: return "keyed";
    case Nature::kShort: return "short";
    case Nature::kNatural: return "natural";
    case Nature::kProbed: return "probed";
    case Nature::kNone: return "none";
    case Nature::kJob: return "job";
    case Nature::kDesk: return "desk";
    case Nature::kDiary: return "diary";
    case Nature::kFront: return "front";
    case Nature::kRegular: return "regular";
  }
  ONETAKE_CHECK(false);
}

Nature NatureOf(const std::string& tool) {
  for (const Nature nature : kNatures) {
    if (absl::EndsWith(tool, NameOf(nature))) return nature;
  }
  ONETAKE_CHECK(false);
}

bool IsBooking(const std::string& tool) { return absl::StartsWith(tool, "book_"); }

bool IsRestoring(const std::string& tool) { return absl::StartsWith(tool, "restore_"); }

bool HonoursKeys(Nature nature) {
  return nature == Nature::kKeyed || nature == Nature::kShort || nature == Nature::kJob ||
         nature == Nature::kDesk || nature == Nature::kFront;
}

bool IsShared(Nature nature) { return nature == Nature::kFront || nature == Nature::kRegular; }

bool CancelsByIdentity(Nature nature) {
  return nature == Nature::kDesk || nature == Nature::kDiary;
}

absl::Duration MemoryOf(Nature nature, const Faults& faults) {
  if (nature == Nature::kShort) return absl::Seconds(20);
  return nature == Nature::kKeyed && faults.short_memory ? absl::Minutes(2) : absl::Hours(24);
}

std::shared_ptr<const ToolSet> MakeTools(const Faults& faults, int version) {
  std::vector<std::shared_ptr<const Tool>> tools{ReadTool("find", 1), ReadTool("job_status", 1),
                                                 ReadTool(kLookUp, version),
                                                 ReadTool(kStanding, 1)};
  for (const Nature nature : kNatures) {
    // In one version the tools of every nature but three are there.
    if (version == 2 &&
        (nature == Nature::kNone || nature == Nature::kKeyed || nature == Nature::kDesk)) {
      continue;
    }
    tools.push_back(BookingTool(nature, faults, version));
    tools.push_back(CancelsByIdentity(nature) ? CancelByIdentityTool(nature, faults, version)
                                              : CancelTool(nature, version));
    if (nature == Nature::kDesk) tools.push_back(RestoreTool(nature, faults, version));
  }
  return std::make_shared<ToolSet>(std::move(tools));
}

std::string Spell(int slot, int spelling) {
  const int day = 1 + slot / 8;
  const int hour = 9 + slot % 8;  // local, five hours behind UTC
  switch (spelling) {
    case 0: return absl::StrFormat("2026-07-%02dT%02d:00:00-05:00", day, hour);
    case 1: return absl::StrFormat("2026-07-%02dT%02d:00:00Z", day, hour + 5);
    case 2: return absl::StrFormat("2026-07-%02d %02d:00 -05:00", day, hour);
    default: return absl::StrFormat("2026-07-%02dT%02d:00:00+02:00", day, hour + 7);
  }
}

int SlotOf(const std::string& text) {
  static const std::map<std::string, int> slots = [] {
    std::map<std::string, int> all;
    for (int slot = 0; slot < kSlots; ++slot) {
      for (int spelling = 0; spelling < kSpellings; ++spelling) all[Spell(slot, spelling)] = slot;
    }
    return all;
  }();
  const auto found = slots.find(text);
  return found == slots.end() ? -1 : found->second;
}

}  // namespace onetake::sim
