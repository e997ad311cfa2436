#include "runtime/catalog/lint.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/catalog/header_rules.h"
#include "runtime/catalog/key_likeness.h"
#include "runtime/catalog/schema_arguments.h"
#include "runtime/catalog/url.h"
#include "runtime/catalog/wording.h"

namespace onetake {
namespace {

constexpr absl::Duration kClientPatience = absl::Seconds(5);
constexpr size_t kModelDescriptionBytes = 1024;

void LintEffect(CatalogEntry& entry) {
  const Tool& tool = *entry.tool;
  if (entry.manifest.effect() == v1::EFFECT_UNSPECIFIED) {
    entry.report.Warn("effect", "is not declared, so the tool is a WRITE",
                      "effect: READ if calling it changes nothing, otherwise effect: WRITE");
  }
  if (tool.effect == Effect::kRead && tool.http.has_value() && tool.http->method != "GET" &&
      tool.http->method != "HEAD") {
    entry.report.Warn("effect",
                      absl::StrCat("is READ, but the method is ", tool.http->method,
                                   ": a READ is sent again after every failure"),
                      "fine for a search by POST; if it changes anything, effect: WRITE");
  }
  if (tool.effect == Effect::kWrite && !tool.safety.keyed && !tool.safety.natural &&
      !tool.safety.probed) {
    entry.report.Warn("safety",
                      "is NONE: every answer that gets lost becomes a person's work, because the "
                      "write can be neither sent again nor looked up",
                      "keyed if the downstream honours an idempotency key, natural if the same "
                      "request again changes nothing, or a probe");
  }
  if (tool.description.size() > kModelDescriptionBytes) {
    entry.report.Warn("description",
                      absl::StrCat("is longer than ", kModelDescriptionBytes,
                                   " bytes, more than some models' APIs take"),
                      "");
  }
}

void LintIdentityField(CatalogEntry& entry, const SchemaArguments& arguments,
                       const std::string& named, const IdentityField& identity) {
  const absl::StatusOr<JsonPath> path = JsonPath::Parse(identity.path);
  if (!path.ok()) return;
  const std::string field = FieldPath("intent.identity", named);
  if (!arguments.Requires(path->steps())) {
    entry.report.Warn(field,
                      "is optional in the schema: a call with it and one without it are two "
                      "intents, so one wish may be written twice",
                      "make it required, or guard it by leaving it out of the identity");
  }
  const bool text =
      identity.normaliser == Normaliser::kVerbatim || identity.normaliser == Normaliser::kText;
  if (text && WordingOf(identity.name, arguments.SchemasAt(path->steps())) == Wording::kFree) {
    entry.report.Warn(field,
                      "looks like free text, which a model words anew on every retry: each wording "
                      "is another intent, and another write",
                      "put it under intent.ignored, or bound it in the schema by enum, format, "
                      "pattern or maxLength <= 64");
  }
  if (identity.normaliser == Normaliser::kInstant &&
      entry.tool->intent.normalisers.time_zone.empty()) {
    entry.report.Suggest(field, "is an instant, and there is no intent.time_zone",
                         "without one, values without an offset are refused");
  }
  if (identity.normaliser == Normaliser::kPhone &&
      entry.tool->intent.normalisers.phone_region.empty()) {
    entry.report.Suggest(field, "is a phone number, and there is no intent.phone_region",
                         "without one, numbers without +country are refused");
  }
}

void LintIntent(CatalogEntry& entry, const SchemaArguments& arguments) {
  const Tool& tool = *entry.tool;
  if (tool.effect == Effect::kRead) return;
  if (tool.intent.identity.empty() && !arguments.names().empty()) {
    entry.report.Warn(
        "intent.identity",
        "is not declared, so all arguments that are not ignored make the intent, word "
        "for word: a retry in other words, or with null for what was left out, is another write",
        "name the arguments that the user decides on, with their normalisers");
  }
  for (const auto& [named, unused] : entry.manifest.intent().identity()) {
    for (const IdentityField& identity : tool.intent.identity) {
      if (named == identity.name || named == identity.path) {
        LintIdentityField(entry, arguments, named, identity);
      }
    }
  }
}

// Whether `ignored` has the argument, or something around it.
bool IsIgnored(const IntentSpec& intent, const std::vector<std::string>& argument) {
  return std::any_of(intent.ignored.begin(), intent.ignored.end(), [&](const std::string& text) {
    const absl::StatusOr<JsonPath> path = JsonPath::Parse(text);
    return path.ok() && path->steps().size() <= argument.size() &&
           std::equal(path->steps().begin(), path->steps().end(), argument.begin(),
                      [](const JsonPath::Step& step, const std::string& name) {
                        return !step.is_index && step.name == name;
                      });
  });
}

// Two arguments at least: one names a thing, and another one what it is set to.
bool MaySetAThing(const Tool& tool, const SchemaArguments& arguments) {
  const std::vector<std::string> names = arguments.names();
  return absl::c_count_if(names, [&tool](const std::string& name) {
           return !IsIgnored(tool.intent, {name});
         }) > 1;
}

void LintSets(CatalogEntry& entry, const SchemaArguments& arguments) {
  constexpr absl::string_view kUndeclared =
      "is not declared: when a thing is set to one value, to another one, and back again, the last "
      "call is answered by what the first one did, and not sent";
  constexpr absl::string_view kAdvice =
      "if it sets the state of a thing, the arguments that name that: [id]";
  const Tool& tool = *entry.tool;
  if (tool.effect == Effect::kRead || tool.reverses.has_value()) return;
  const std::string method = tool.http.has_value() ? tool.http->method : "";
  if (tool.intent.sets.empty() && MaySetAThing(tool, arguments)) {
    if (method == "PUT" || method == "PATCH") {
      entry.report.Warn("intent.sets", kUndeclared, kAdvice);
    } else if (tool.safety.natural && method != "DELETE") {
      entry.report.Suggest("intent.sets", kUndeclared, kAdvice);
    }
  }
  for (size_t i = 0; i < tool.intent.sets.size(); ++i) {
    const absl::StatusOr<JsonPath> path = JsonPath::Parse(tool.intent.sets[i].path);
    if (!path.ok() || arguments.Requires(path->steps())) continue;
    entry.report.Warn(FieldPath("intent.sets", i),
                      "is optional in the schema: a call without it does not say what it sets, and "
                      "neither waits for another one nor replaces what that did",
                      "make it required");
  }
}

void LintKeyArguments(CatalogEntry& entry) {
  if (entry.tool->effect == Effect::kRead) return;
  for (const KeyLikeArgument& key : KeyLikeArguments(entry.tool->parameters->document())) {
    if (IsIgnored(entry.tool->intent, key.names)) continue;
    entry.report.Warn("intent.ignored",
                      absl::StrCat("leaves out ", key.Shown(),
                                   ", which looks like an idempotency key: a model makes a new one "
                                   "up on every retry, which is another write then, or refused as "
                                   "one that differs"),
                      "safety.keyed instead of the argument where onetake can fill it in, or else "
                      "put it under intent.ignored");
  }
}

void LintTimes(CatalogEntry& entry) {
  const Tool& tool = *entry.tool;
  const Timeouts& timeouts = tool.timeouts;
  if (timeouts.attempt.has_value() && *timeouts.attempt < timeouts.floor) {
    entry.report.Warn("timeouts.attempt",
                      absl::StrCat("is below the floor of ", absl::FormatDuration(timeouts.floor),
                                   ": a timeout below the latency of the downstream makes unknown "
                                   "outcomes of writes that succeed"),
                      "attempt: auto, or a floor that the downstream's slowest answers allow");
  }
  if (timeouts.patience >= kClientPatience) {
    entry.report.Warn("timeouts.patience",
                      "is 5s or more: the MCP clients of voice frameworks give up at 5s, and then "
                      "the answer is not heard",
                      "4s; it does not limit how long the write may take");
  }
  if (tool.hedge_after.has_value() && tool.retries.attempts == 1) {
    entry.report.Warn("hedge", "has no effect: retries.attempts is 1, and a second request is one",
                      "retries: { attempts: 2 } or more");
  }
  if (timeouts.filler > timeouts.patience) {
    entry.report.Warn("timeouts.filler", "is longer than the patience, so it is never spoken",
                      "less than timeouts.patience");
  }
  if (tool.safety.keyed && tool.safety.key_retention < tool.retries.total) {
    entry.report.Warn("safety.keyed.retention",
                      "is shorter than retries.total: what is sent after the downstream forgot the "
                      "key would be a second write, so those retries will not happen",
                      "retries.total below the retention");
  }
  if (tool.probe.has_value() && tool.probe->settle_after.has_value() &&
      *tool.probe->settle_after < timeouts.Attempt()) {
    entry.report.Warn("safety.probe.settle_after",
                      absl::StrCat("is shorter than an attempt may take (",
                                   absl::FormatDuration(timeouts.Attempt()),
                                   "): a write that is still on its way would be found \"not "
                                   "applied\" and be sent again"),
                      "at least the hard timeout, or leave it out, unless the downstream is known "
                      "to finish sooner");
  }
}

// What is spoken while nobody knows must not sound as if somebody did.
void LintLine(CatalogEntry& entry, const std::string& field, absl::string_view line) {
  constexpr absl::string_view kClaims[] = {
      "booked",    "confirmed", "done",       "completed", "scheduled",  "cancelled",
      "canceled",  "failed",    "reservado",  "reservada", "confirmado", "confirmada",
      "hecho",     "cancelado", "cancelada",  "fallado",   "gebucht",    "erledigt",
      "storniert", "geklappt",  "gescheitert"};
  for (const std::string& word : WordsOf(line)) {
    if (std::find(std::begin(kClaims), std::end(kClaims), word) == std::end(kClaims)) continue;
    entry.report.Warn(field,
                      absl::StrCat("has the word \"", word,
                                   "\", and is spoken while nobody knows whether that is so"),
                      "say that it is being checked");
  }
}

void LintSay(CatalogEntry& entry) {
  std::map<std::string, const SayTexts*> all{{"say", &entry.tool->say}};
  for (const auto& [tag, texts] : entry.tool->languages) {
    all[FieldPath("say.languages", tag)] = &texts;
  }
  for (const auto& [field, texts] : all) {
    for (const Situation situation : {Situation::kPending, Situation::kUnknown,
                                      Situation::kNeedsReview, Situation::kForgotten}) {
      const std::string name(ToString(situation));
      LintLine(entry, FieldPath(field, name), texts->Line(situation));
    }
  }
}

// Looks at the arguments that a path, header or key is made of.
void LintHoles(CatalogEntry& entry, const SchemaArguments& arguments, const std::string& field,
               const TextTemplate& text) {
  for (const TextTemplate::Part& part : text.parts()) {
    if (part.path.empty() || part.path == "session_id" || part.path == "tenant" ||
        arguments.Requires(StepsOfHole(part.path))) {
      continue;
    }
    entry.report.Warn(field,
                      absl::StrCat("names ", entry.report.Quote(field, part.path),
                                   ", which is optional in the schema: calls without it fail"),
                      "make it required");
  }
}

// The name of a session differs from tenant to tenant; that of an argument does not.
void LintKeyTenants(CatalogEntry& entry) {
  const IntentSpec& intent = entry.tool->intent;
  const std::vector<std::string> named = intent.key_template->Arguments();
  for (const char* name : {"session_id", "tenant"}) {
    if (std::find(named.begin(), named.end(), name) != named.end()) return;
  }
  entry.report.Warn("intent.key.template",
                    "leaves out {tenant}: if several tenants use it, they share keys, and the "
                    "downstream may answer one with the result of another",
                    "name it, unless there is one tenant alone");
}

// A row of another provider's, or of another day, is not the write that was lost, however alike.
void LintProbe(CatalogEntry& entry) {
  const Tool& tool = *entry.tool;
  if (!tool.probe.has_value() || tool.probe->asks != ProbeSpec::Asks::kRead) return;
  const std::vector<std::string> asked = tool.probe->args.Arguments();
  for (const IdentityField& field : tool.intent.identity) {
    const absl::StatusOr<JsonPath> path = JsonPath::Parse(field.path);
    if (!path.ok()) continue;
    const auto is_it = [&path](const ProbeSpec::Ours& ours) {
      return ours.argument.first_name() == path->first_name();
    };
    if (absl::c_linear_search(asked, path->first_name()) ||
        absl::c_any_of(tool.probe->ours, is_it)) {
      continue;
    }
    entry.report.Warn("safety.probe",
                      absl::StrCat("does not look at ", path->first_name(),
                                   ", which is part of the identity: what was found with another "
                                   "one would count as this write"),
                      absl::StrCat("ask for it in args, or compare it: ours: { $.FIELD: $.",
                                   path->first_name(), " }"));
  }
}

// A key by template is a plain SHA-256: anybody who sees it can try all values that are likely.
void LintKeyTemplate(CatalogEntry& entry) {
  constexpr absl::string_view kPersonal[] = {
      "phone",  "mobile",   "email",     "mail",   "name",     "firstname", "lastname", "surname",
      "birth",  "birthday", "dob",       "ssn",    "address",  "street",    "passport", "iban",
      "caller", "patient",  "insurance", "member", "customer", "card"};
  constexpr absl::string_view kField = "intent.key.template";
  for (const TextTemplate::Part& part : entry.tool->intent.key_template->parts()) {
    for (const std::string& word : WordsOf(part.path)) {
      if (std::find(std::begin(kPersonal), std::end(kPersonal), word) == std::end(kPersonal)) {
        continue;
      }
      entry.report.Warn(std::string(kField),
                        absl::StrCat("names ", entry.report.Quote(std::string(kField), part.path),
                                     ", which may tell a person, and the key goes downstream as a "
                                     "plain SHA-256, from which it can be guessed"),
                        "leave intent.key out, so that the key is made with the tenant's secret; "
                        "unless another system must make the same keys");
      break;
    }
  }
}

void LintSecret(CatalogEntry& entry, const std::string& field, const SecretRef& secret,
                const Environment& environment) {
  if (secret.kind == SecretRef::Kind::kEnv) {
    if (environment(secret.name).has_value()) return;
    entry.report.Warn(FieldPath(field, "secret.env"), "is not set here and now",
                      "it must be set where onetaked runs");
    return;
  }
  std::error_code error;
  if (std::filesystem::is_regular_file(secret.name, error)) return;
  entry.report.Warn(FieldPath(field, "secret.file"), "is not there now",
                    "it must be there where onetaked runs");
}

void LintHttp(CatalogEntry& entry, const SchemaArguments& arguments,
              const Environment& environment) {
  const HttpBinding& http = *entry.tool->http;
  LintHoles(entry, arguments, "http.url", http.path);
  bool has_secret = false;
  for (const HttpHeader& header : http.headers) {
    const std::string field = FieldPath("http.headers", header.name);
    // A header that is one hole alone is left out when the argument is.
    if (header.value.has_value() && header.value->parts().size() > 1) {
      LintHoles(entry, arguments, field, *header.value);
    }
    if (header.secret.has_value()) {
      has_secret = true;
      LintSecret(entry, field, *header.secret, environment);
    } else if (CredentialIn(header.name) == Credential::kLikely) {
      entry.report.Warn(field, "looks like a credential, and stands in the manifest",
                        "if it is one: { secret: { env: NAME } }");
    }
  }
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(http.origin);
  if (has_secret && url.ok() && url->wire == EgressPolicy::Wire::kClear &&
      !IsLoopbackHost(url->host)) {
    entry.report.Warn("http.url",
                      "sends a secret over http, where everybody on the way can read it", "https");
  }
}

}  // namespace

void LintTool(CatalogEntry& entry, const Environment& environment) {
  const SchemaArguments arguments(entry.tool->parameters->document());
  LintEffect(entry);
  LintIntent(entry, arguments);
  LintSets(entry, arguments);
  LintKeyArguments(entry);
  LintProbe(entry);
  LintTimes(entry);
  LintSay(entry);
  if (entry.tool->http.has_value()) LintHttp(entry, arguments, environment);
  if (entry.tool->intent.key_template.has_value()) {
    LintHoles(entry, arguments, "intent.key.template", *entry.tool->intent.key_template);
    LintKeyTemplate(entry);
    LintKeyTenants(entry);
  }
  if (!arguments.is_closed()) {
    entry.report.Suggest("parameters", "lets the model invent arguments that no one reads",
                         "additionalProperties: false");
  }
}

}  // namespace onetake
