// Compiles how the downstream is called.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/limits.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/catalog/environment.h"
#include "runtime/catalog/header_rules.h"
#include "runtime/catalog/nearest.h"
#include "runtime/catalog/proto_duration.h"
#include "runtime/catalog/url.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr DurationRange kConnects = {absl::Milliseconds(10), absl::Minutes(1)};
constexpr IntegerRange kResultBytes = {1, static_cast<int64_t>(limits::kResultBytes)};
constexpr IntegerRange kStatuses = {200, 599};
constexpr int kNetworks = 16;
constexpr absl::string_view kSecretAdvice =
    "{ secret: { env: NAME }, prefix: \"Bearer \" } or { secret: { file: PATH } }";

void CompileMethod(const CompileContext& context, HttpBinding& binding) {
  static const std::vector<std::string> kMethods = {"GET", "HEAD",  "POST",
                                                    "PUT", "PATCH", "DELETE"};
  const std::string& method = context.manifest.http().method();
  ManifestReport& report = context.report;
  const std::string advice = absl::StrCat("one of ", absl::StrJoin(kMethods, ", "));
  if (method.empty()) {
    ReportMissing(report, "http.method", advice);
  } else if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
    report.Error("http.method",
                 absl::StrCat("is ", report.Quote("http.method", method),
                              ", which is no method that tools use"),
                 advice);
  }
  binding.method = method;
}

void CompileNetworks(const CompileContext& context, HttpBinding& binding) {
  ManifestReport& report = context.report;
  const Manifest::HttpRules& http = context.manifest.http();
  if (http.allow_networks_size() > kNetworks) {
    report.Error("http.allow_networks", absl::StrCat("has more than ", kNetworks, " entries"),
                 "the networks that the host is in");
  }
  for (int i = 0; i < http.allow_networks_size(); ++i) {
    absl::StatusOr<std::vector<IpNetwork>> networks = ParseAllowedNetwork(http.allow_networks(i));
    if (!networks.ok()) {
      report.Error(FieldPath("http.allow_networks", i), networks.status().message(), "");
      continue;
    }
    binding.allow_networks.insert(binding.allow_networks.end(), networks->begin(), networks->end());
  }
}

void CompilePath(const CompileContext& context, const std::string& path, HttpBinding& binding) {
  std::optional<TextTemplate> parsed = TemplateFrom(context, "http.url", path);
  if (!parsed.has_value()) return;
  binding.path = *std::move(parsed);
  for (const TextTemplate::Part& part : binding.path.parts()) {
    if (part.path.empty()) continue;
    absl::StatusOr<JsonPath> argument = JsonPath::Parse(absl::StrCat("$.", part.path));
    if (!argument.ok()) continue;
    if (context.arguments != nullptr && context.arguments->BoundsText(argument->steps())) continue;
    binding.plain_in_path.push_back(*std::move(argument));
  }
}

void CompileUrl(const CompileContext& context, HttpBinding& binding) {
  ManifestReport& report = context.report;
  const std::string& text = context.manifest.http().url();
  if (text.empty()) {
    if (!report.HasErrorAt("http.url")) {
      report.Error("http.url", "is required", "https://api.example.com/appointments/{argument}");
    }
    return;
  }
  absl::StatusOr<HttpUrl> url = ParseHttpUrl(text);
  if (!url.ok()) {
    report.Error("http.url", std::string(url.status().message()), "");
    return;
  }
  if (!report.HasErrorAt("http.allow_networks")) {
    const absl::Status egress = CheckEgress(*url, binding.allow_networks);
    if (!egress.ok()) report.Error("http.url", std::string(egress.message()), "");
  }
  binding.origin = std::move(url->origin);
  CompilePath(context, url->path, binding);
}

void CompileSecret(const CompileContext& context, const std::string& field,
                   const Manifest::HeaderValue& value, HttpHeader& header) {
  ManifestReport& report = context.report;
  const Manifest::SecretRef& secret = value.secret();
  header.secret_prefix = value.prefix();
  if (!IsHeaderText(value.prefix())) {
    report.Error(FieldPath(field, "prefix"), "is no text of a header",
                 "printable ASCII, such as \"Bearer \"");
  }
  if (secret.has_env() && !IsVariableName(secret.env())) {
    report.Error(FieldPath(field, "secret.env"), "is no name of an environment variable",
                 "letters, digits and _, such as PRACTICE_TOKEN; the secret itself never stands "
                 "in a manifest");
  }
  if (secret.has_file() && secret.file().empty()) {
    report.Error(FieldPath(field, "secret.file"), "is empty", "the path of a file");
  }
  if (secret.has_env()) {
    header.secret = {.kind = SecretRef::Kind::kEnv, .name = secret.env()};
  } else {
    header.secret = {
        .kind = SecretRef::Kind::kFile,
        .name = (std::filesystem::path(context.folder) / secret.file()).lexically_normal()};
  }
}

void CompileHeaderText(const CompileContext& context, const std::string& field,
                       const std::string& text, HttpHeader& header) {
  ManifestReport& report = context.report;
  if (CredentialIn(header.name) == Credential::kSurely) {
    report.Error(field, "carries a credential, which must not stand in a manifest", kSecretAdvice);
    return;
  }
  header.value = TemplateFrom(context, field, text);
  if (!IsHeaderText(text)) {
    report.Error(field, "is no text of a header", "printable ASCII, one line of up to 1,024 bytes");
  }
}

void CompileHeaders(const CompileContext& context, HttpBinding& binding) {
  ManifestReport& report = context.report;
  std::set<std::string> seen;
  if (context.manifest.safety().keyed().has_header()) {
    seen.insert(absl::AsciiStrToLower(context.manifest.safety().keyed().header()));
  }
  for (const auto& [name, value] : Sorted(context.manifest.http().headers())) {
    const std::string field = FieldPath("http.headers", name);
    if (report.HasErrorAt(field)) continue;
    if (!IsHeaderName(name)) {
      report.Error(field, "is no name of a header", "letters, digits and -, such as X-Clinic");
    } else if (IsReservedHeader(name)) {
      report.Error(field, "is a header that HTTP itself sets", "take it out");
    } else if (!seen.insert(absl::AsciiStrToLower(name)).second) {
      report.Error(field,
                   "is set twice; the names of headers have no case, and safety.keyed sets one",
                   "keep one of them");
    }
    HttpHeader header;
    header.name = name;
    if (value.has_secret()) {
      CompileSecret(context, field, value, header);
    } else if (!value.prefix().empty()) {
      report.Error(field, "has a prefix without a secret", kSecretAdvice);
    } else {
      CompileHeaderText(context, field, value.text(), header);
    }
    binding.headers.push_back(std::move(header));
  }
}

std::optional<StatusMeaning> MeaningOf(int outcome) {
  switch (outcome) {
    case Manifest::OUTCOME_NO_EFFECT: return StatusMeaning::kNoEffect;
    case Manifest::OUTCOME_REJECTED: return StatusMeaning::kRejected;
    case Manifest::OUTCOME_MAY_HAVE_HAPPENED: return StatusMeaning::kMayHaveHappened;
    case Manifest::OUTCOME_SUCCEEDED: return StatusMeaning::kSucceeded;
    case Manifest::OUTCOME_ALREADY_GONE: return StatusMeaning::kAlreadyGone;
    default: return std::nullopt;
  }
}

void CompileOutcomes(const CompileContext& context, HttpBinding& binding) {
  for (const auto& [status, outcome] : context.manifest.http().outcomes()) {
    const std::string field = FieldPath("http.outcomes", absl::StrCat(status));
    if (status < kStatuses.least || status > kStatuses.most) {
      context.report.Error(field, "is no HTTP status that a tool answers with",
                           absl::StrCat(kStatuses.least, " to ", kStatuses.most));
    }
    if (outcome == Manifest::OUTCOME_ALREADY_GONE && !context.manifest.safety().natural()) {
      context.report.Error(field, "is already_gone, but the tool is not NATURAL",
                           "safety: { natural: true } if the same request again leaves the same "
                           "state, as a DELETE does; otherwise rejected");
    }
    if (const std::optional<StatusMeaning> meaning = MeaningOf(outcome)) {
      binding.outcomes[status] = *meaning;
    }
  }
}

// A success needs no rule, and what is already gone is told by a status.
std::optional<StatusMeaning> ErrorMeaningOf(int outcome) {
  const bool is_error = outcome == Manifest::OUTCOME_NO_EFFECT ||
                        outcome == Manifest::OUTCOME_REJECTED ||
                        outcome == Manifest::OUTCOME_MAY_HAVE_HAPPENED;
  return is_error ? MeaningOf(outcome) : std::nullopt;
}

void CompileErrors(const CompileContext& context, HttpBinding& binding) {
  constexpr absl::string_view kMeanings = "rejected, no_effect or may_have_happened";
  const Manifest::HttpRules& http = context.manifest.http();
  ManifestReport& report = context.report;
  if (http.errors_size() > 0 && http.result() == Manifest::RESULT_TEXT) {
    report.Error("http.errors", "is for answers of JSON, and http.result is text",
                 "result: json, or no errors");
  }
  for (int i = 0; i < http.errors_size(); ++i) {
    const Manifest::HttpErrorRule& rule = http.errors(i);
    const std::string field = FieldPath("http.errors", static_cast<size_t>(i));
    const std::string is = FieldPath(field, "is");
    HttpErrorRule compiled;
    if (rule.path().empty()) {
      ReportMissing(report, FieldPath(field, "path"), "$.error");
    } else if (auto path = PathFrom(report, FieldPath(field, "path"), rule.path())) {
      compiled.path = *std::move(path);
    }
    if (rule.has_equals()) {
      compiled.equals = Json::parse(rule.equals().json(), nullptr, /*allow_exceptions=*/false);
    }
    if (!rule.has_is()) {
      ReportMissing(report, is, kMeanings);
    } else if (const auto meaning = ErrorMeaningOf(rule.is())) {
      compiled.meaning = *meaning;
    } else {
      report.Error(is, "is no way in which an answer says no", kMeanings);
    }
    binding.errors.push_back(std::move(compiled));
  }
}

}  // namespace

void CompileHttp(const CompileContext& context) {
  const Manifest::HttpRules& http = context.manifest.http();
  HttpBinding binding;
  CompileMethod(context, binding);
  CompileNetworks(context, binding);
  CompileUrl(context, binding);
  CompileParameters(context, binding);
  CompileHeaders(context, binding);
  CompileBody(context, binding);
  CompileOutcomes(context, binding);
  CompileErrors(context, binding);
  binding.text_result = http.result() == Manifest::RESULT_TEXT;
  binding.max_result_bytes = static_cast<size_t>(IntegerIn(
      context.report, "http.max_result_bytes",
      http.has_max_result_bytes() ? std::optional<int64_t>(http.max_result_bytes()) : std::nullopt,
      kResultBytes, static_cast<int64_t>(binding.max_result_bytes)));
  binding.connect_timeout =
      DurationIn(context.report, "http.connect_timeout",
                 http.has_connect_timeout() ? &http.connect_timeout() : nullptr, kConnects,
                 binding.connect_timeout);
  context.tool.executor = "http";
  context.tool.http = std::move(binding);
}

}  // namespace onetake
