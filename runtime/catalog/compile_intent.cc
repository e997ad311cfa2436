// Compiles what makes two calls the same intent.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/base/limits.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/intent/phone.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr absl::string_view kScopeAdvice = "session, tenant or attribute:NAME";

bool IsAttributeName(absl::string_view name) {
  return !name.empty() && name.size() <= limits::kAttributeKeyBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
         });
}

std::optional<ScopePart> ScopeFrom(absl::string_view text) {
  if (text == "session") return ScopePart{.kind = ScopeKind::kSession, .attribute = {}};
  if (text == "tenant") return ScopePart{.kind = ScopeKind::kTenant, .attribute = {}};
  if (!absl::ConsumePrefix(&text, "attribute:") || !IsAttributeName(text)) return std::nullopt;
  return ScopePart{.kind = ScopeKind::kAttribute, .attribute = std::string(text)};
}

void CompileScope(const CompileContext& context) {
  ManifestReport& report = context.report;
  const auto& scope = context.manifest.intent().scope();
  std::set<std::string> seen;
  for (int i = 0; i < scope.size(); ++i) {
    const std::string field = FieldPath("intent.scope", static_cast<size_t>(i));
    std::optional<ScopePart> part = ScopeFrom(scope[i]);
    if (!part.has_value()) {
      report.Error(field, absl::StrCat("is ", report.Quote(field, scope[i]), ", which is no scope"),
                   kScopeAdvice);
    } else if (!seen.insert(scope[i]).second) {
      report.Error(field, "is given twice", "keep one of them");
    } else {
      context.tool.intent.scope.push_back(*std::move(part));
    }
  }
  if (context.tool.intent.scope.empty()) {
    context.tool.intent.scope.push_back({.kind = ScopeKind::kSession, .attribute = {}});
  }
}

Normaliser NormaliserFrom(Manifest::Normaliser normaliser) {
  switch (normaliser) {
    case Manifest::NORMALISER_INSTANT: return Normaliser::kInstant;
    case Manifest::NORMALISER_DATE: return Normaliser::kDate;
    case Manifest::NORMALISER_PHONE: return Normaliser::kPhone;
    case Manifest::NORMALISER_TEXT: return Normaliser::kText;
    case Manifest::NORMALISER_NUMBER: return Normaliser::kNumber;
    case Manifest::NORMALISER_ID: return Normaliser::kId;
    default: return Normaliser::kVerbatim;
  }
}

// The JSON types that a normaliser takes; empty: all.
std::set<std::string> TypesFor(Normaliser normaliser) {
  switch (normaliser) {
    case Normaliser::kVerbatim: return {};
    case Normaliser::kNumber: return {"number", "integer", "string"};
    case Normaliser::kId: return {"string", "integer"};
    default: return {"string"};
  }
}

void CheckNormaliser(const CompileContext& context, const std::string& field,
                     const IdentityField& identity, const JsonPath& path) {
  const std::set<std::string> wanted = TypesFor(identity.normaliser);
  if (context.arguments == nullptr || wanted.empty()) return;
  const std::set<std::string> types = context.arguments->Types(path.steps());
  const bool fits =
      types.empty() || std::any_of(types.begin(), types.end(),
                                   [&](const std::string& type) { return wanted.contains(type); });
  if (fits) return;
  context.report.Error(field,
                       absl::StrCat("is of type ", absl::StrJoin(types, " or "),
                                    " in the schema, which this normaliser never takes"),
                       absl::StrCat("it takes ", absl::StrJoin(wanted, ", ")));
}

// Whether `path` leads to `other` or to something around it.
bool Covers(const JsonPath& path, const JsonPath& other) {
  const auto& outer = path.steps();
  const auto& inner = other.steps();
  if (outer.size() > inner.size()) return false;
  for (size_t i = 0; i < outer.size(); ++i) {
    if (outer[i].is_index != inner[i].is_index || outer[i].name != inner[i].name ||
        outer[i].index != inner[i].index) {
      return false;
    }
  }
  return true;
}

std::vector<JsonPath> CompileIdentity(const CompileContext& context) {
  std::vector<JsonPath> paths;
  const auto& identity = context.manifest.intent().identity();
  // Sorted by name, so that the same fault is always the one that is told.
  const std::map<std::string, Manifest::Normaliser> sorted = [&] {
    std::map<std::string, Manifest::Normaliser> result;
    for (const auto& [name, normaliser] : identity) {
      result[name] = static_cast<Manifest::Normaliser>(normaliser);
    }
    return result;
  }();
  for (const auto& [named, normaliser] : sorted) {
    const std::string field = FieldPath("intent.identity", named);
    const std::optional<JsonPath> path = NamedArgument(context, field, named);
    if (!path.has_value()) continue;
    IdentityField part{.path = path->text(),
                       .name = std::string(absl::StripPrefix(path->text(), "$.")),
                       .normaliser = NormaliserFrom(normaliser)};
    if (path->steps().size() == 1) part.name = std::string(path->first_name());
    const bool overlaps = std::any_of(paths.begin(), paths.end(), [&](const JsonPath& other) {
      return Covers(*path, other) || Covers(other, *path);
    });
    if (overlaps) {
      context.report.Error(field, "is already in the identity", "keep one of them");
      continue;
    }
    CheckNormaliser(context, field, part, *path);
    context.tool.intent.identity.push_back(std::move(part));
    paths.push_back(*path);
  }
  return paths;
}

void CompileIgnored(const CompileContext& context, const std::vector<JsonPath>& identity) {
  const auto& ignored = context.manifest.intent().ignored();
  for (int i = 0; i < ignored.size(); ++i) {
    const std::string field = FieldPath("intent.ignored", static_cast<size_t>(i));
    const std::optional<JsonPath> path = NamedArgument(context, field, ignored[i]);
    if (!path.has_value()) continue;
    for (const JsonPath& other : identity) {
      if (!Covers(*path, other)) continue;
      context.report.Error(field, "is in the identity too",
                           "what makes the intent cannot be ignored: take it out of one");
    }
    context.tool.intent.ignored.push_back(path->text());
  }
}

void CompileSettings(const CompileContext& context) {
  const Manifest::IntentRules& rules = context.manifest.intent();
  ManifestReport& report = context.report;
  absl::TimeZone zone;
  if (!rules.time_zone().empty() && !absl::LoadTimeZone(rules.time_zone(), &zone)) {
    report.Error("intent.time_zone",
                 absl::StrCat("is ", report.Quote("intent.time_zone", rules.time_zone()),
                              ", which is no time zone that this machine has"),
                 "an IANA name such as America/Chicago; is tzdata installed?");
  }
  const std::string& region = rules.phone_region();
  if (!region.empty() && !IsPhoneRegion(region)) {
    report.Error("intent.phone_region",
                 absl::StrCat("is ", report.Quote("intent.phone_region", region),
                              ", which is no country's code"),
                 "two capitals of ISO 3166, such as US or GB");
  }
  context.tool.intent.normalisers = {.time_zone = rules.time_zone(), .phone_region = region};
}

// Keeps the holes of the key apart: "12" and "3" would make the same text as "1" and "23".
void CheckKeyHolesApart(const CompileContext& context, const TextTemplate& text) {
  ManifestReport& report = context.report;
  constexpr absl::string_view kField = "intent.key.template";
  const std::vector<TextTemplate::Part>& parts = text.parts();
  const auto together =
      std::adjacent_find(parts.begin(), parts.end(),
                         [](const TextTemplate::Part& one, const TextTemplate::Part& next) {
                           return !one.path.empty() && !next.path.empty();
                         });
  if (together == parts.end()) return;
  const bool hides = report.Hides(kField);
  const std::string one = hides ? "one hole" : absl::StrCat("{", together->path, "}");
  const std::string next = hides ? "the next" : absl::StrCat("{", (together + 1)->path, "}");
  report.Error(
      kField,
      absl::StrCat("has nothing between ", one, " and ", next, ", so two intents may share a key"),
      hides ? "{one}:{next}" : absl::StrCat("write ", one, ":", next));
}

// A key that leaves out a part of the intent is the key of several intents, and the downstream
// would answer one with the result of the other.
void CheckKeyNamesAll(const CompileContext& context, const std::set<std::string>& holes) {
  ManifestReport& report = context.report;
  const IntentSpec& intent = context.tool.intent;
  const bool of_session =
      std::any_of(intent.scope.begin(), intent.scope.end(),
                  [](const ScopePart& part) { return part.kind == ScopeKind::kSession; });
  if (of_session && !holes.contains("session_id")) {
    report.Error("intent.key.template",
                 "leaves out {session_id}, so two sessions would share a key",
                 "name it, or set intent.scope to [tenant]");
  }
  if (std::any_of(intent.scope.begin(), intent.scope.end(),
                  [](const ScopePart& part) { return part.kind == ScopeKind::kAttribute; })) {
    report.Error("intent.key.template",
                 "cannot name the attribute of intent.scope, so its values would share a key",
                 "leave intent.key out, or take the attribute out of intent.scope");
  }
  if (intent.identity.empty()) {
    report.Error("intent.key.template", "needs a declared intent.identity",
                 "declare the arguments that the template names");
  }
  for (const IdentityField& field : intent.identity) {
    if (holes.contains(field.name)) continue;
    report.Error("intent.key.template",
                 absl::StrCat("leaves out {", field.name, "}, so two intents would share a key"),
                 "name it, or take it out of intent.identity");
  }
}

void CompileKey(const CompileContext& context) {
  const Manifest::KeyTemplate& key = context.manifest.intent().key();
  ManifestReport& report = context.report;
  if (key.template_().empty()) {
    return ReportMissing(report, "intent.key.template", "\"{session_id}:{argument}\"");
  }
  absl::StatusOr<TextTemplate> parsed = TextTemplate::Parse(key.template_());
  if (!parsed.ok()) {
    report.Error("intent.key.template", std::string(parsed.status().message()),
                 "write {name} for an argument, {{ and }} for braces");
    return;
  }
  std::set<std::string> holes;
  for (const TextTemplate::Part& part : parsed->parts()) {
    if (part.path.empty()) continue;
    holes.insert(part.path);
    const SchemaArguments::Steps steps = StepsOfHole(part.path);
    const std::string shown = absl::StrCat("{", part.path, "}");
    if (part.path != "session_id" && part.path != "tenant") {
      CheckDeclared(context, "intent.key.template", steps, shown);
      CheckPlaceable(context, "intent.key.template", steps, shown);
    } else if (context.arguments != nullptr && context.arguments->Declares(steps)) {
      report.Error("intent.key.template", absl::StrCat(shown, " is an argument of the schema too"),
                   "rename the argument: in a key, session_id and tenant are those of the call");
    }
  }
  if (!report.HasErrorAt("intent")) {
    CheckKeyNamesAll(context, holes);
    CheckKeyHolesApart(context, *parsed);
  }
  context.tool.intent.key_template = *std::move(parsed);
}

}  // namespace

void CompileIntent(const CompileContext& context) {
  if (!context.manifest.has_intent()) {
    context.tool.intent.scope.push_back({.kind = ScopeKind::kSession, .attribute = {}});
    return;
  }
  if (context.tool.effect == Effect::kRead) {
    context.report.Error("intent", "belongs to a WRITE", "take it out: a READ has no intent");
    return;
  }
  CompileScope(context);
  const std::vector<JsonPath> identity = CompileIdentity(context);
  CompileIgnored(context, identity);
  CompileSettings(context);
  if (context.manifest.intent().has_key()) CompileKey(context);
}

}  // namespace onetake
