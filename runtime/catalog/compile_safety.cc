// Compiles why a write may be sent again.
#include "absl/strings/str_cat.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/catalog/header_rules.h"
#include "runtime/catalog/proto_duration.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr DurationRange kRetentions = {absl::Seconds(1), absl::Hours(24 * 366)};
constexpr DurationRange kSettles = {absl::ZeroDuration(), absl::Hours(24)};
constexpr DurationRange kIntervals = {absl::Milliseconds(10), absl::Hours(1)};
constexpr IntegerRange kProbes = {1, 20};
constexpr IntegerRange kRefusals = {400, 599};

void CompileKeyHeader(const CompileContext& context, const std::string& name) {
  ManifestReport& report = context.report;
  constexpr absl::string_view kField = "safety.keyed.header";
  if (!IsHeaderName(name)) {
    report.Error(kField,
                 absl::StrCat("is ", report.Quote(kField, name), ", which is no header's name"),
                 "such as Idempotency-Key");
  } else if (IsReservedHeader(name)) {
    report.Error(kField, "is a header that HTTP itself sets", "such as Idempotency-Key");
  }
  context.tool.key_placement = {.kind = KeyPlacement::Kind::kHeader, .header = name, .body = {}};
}

constexpr absl::string_view kOtherKeys =
    "keyed: { plugin: true } or { mcp_meta: NAME }, if it heeds the key";
constexpr absl::string_view kTakeOut = "take it out";

// Whether the manifest has the binding that `field` is about; if not, that is a fault.
enum class Binding { kHttp, kPlugin, kMcp };
bool GoesWith(const CompileContext& context, Binding binding, absl::string_view field,
              absl::string_view advice) {
  const v1::ToolManifest& manifest = context.manifest;
  const bool has = binding == Binding::kHttp     ? manifest.has_http()
                   : binding == Binding::kPlugin ? manifest.has_plugin()
                                                 : manifest.has_mcp();
  if (has || !(manifest.has_http() || manifest.has_plugin() || manifest.has_mcp())) return true;
  const absl::string_view what = binding == Binding::kHttp  ? "is for a tool that is called by http"
                                 : binding == Binding::kMcp ? "is for a tool of an MCP server"
                                                            : "is for a tool of a plugin";
  context.report.Error(field, what, advice);
  return false;
}

// The key goes into whatever http.body is, or into {} when there is none.
void CheckBodyTakesKey(const CompileContext& context, const JsonPath& path) {
  const Manifest::HttpRules& http = context.manifest.http();
  ManifestReport& report = context.report;
  constexpr absl::string_view kField = "safety.keyed.body";
  if (report.HasErrorAt("http")) return;
  const Manifest::JsonValue& body = http.has_form() ? http.form() : http.body();
  const bool is_all = body.json() == "\"$\"";
  if (http.method() == "GET" || http.method() == "HEAD") {
    report.Error(kField, absl::StrCat("does not go with ", http.method(), ", which has no body"),
                 "give the key by a header, or use another method");
  } else if (http.has_body() && !is_all && body.json()[0] != '{') {
    report.Error(kField, "needs an http.body that is a mapping",
                 "body: $ or body: { name: $.name }");
  } else if (http.has_form() && path.steps().size() > 1) {
    report.Error(kField, "leads into a field of the form", "name a field: $.idempotency_key");
  } else if (is_all && context.arguments != nullptr && context.arguments->Declares(path.steps())) {
    report.Error(kField, "is an argument of the schema too, so the model would be asked for it",
                 "take it out of the schema: onetake fills it in");
  }
}

void CompileKeyBody(const CompileContext& context, const std::string& text) {
  ManifestReport& report = context.report;
  constexpr absl::string_view kField = "safety.keyed.body";
  std::optional<JsonPath> path = PathFrom(report, kField, text);
  if (!path.has_value()) return;
  for (const JsonPath::Step& step : path->steps()) {
    if (step.is_index) {
      report.Error(kField, "leads into a list", "name a member: $.idempotency_key");
      return;
    }
  }
  if (path->is_root()) {
    report.Error(kField, "is $, which would be the whole body", "name a member: $.idempotency_key");
    return;
  }
  CheckBodyTakesKey(context, *path);
  context.tool.key_placement =
      KeyPlacement{.kind = KeyPlacement::Kind::kBody, .header = {}, .body = *std::move(path)};
}

std::optional<ResponseMatch> CompileMatch(const CompileContext& context, const std::string& field,
                                          const Manifest::AnswerMatch& match) {
  ManifestReport& report = context.report;
  const std::string status = FieldPath(field, "status");
  if (!match.has_status()) ReportMissing(report, status, "the HTTP status of that answer: 409");
  ResponseMatch result;
  result.status = static_cast<int>(IntegerIn(
      report, status, match.has_status() ? std::optional<int64_t>(match.status()) : std::nullopt,
      kRefusals, 0));
  if (match.path().empty() != !match.has_equals() && !report.HasErrorAt(field)) {
    report.Error(field, "has only one of path and equals",
                 "give both, or the status alone: { status: 409, path: $.error, equals: CODE }");
  }
  if (!match.path().empty()) {
    result.path = PathFrom(report, FieldPath(field, "path"), match.path());
    result.equals = Json::parse(match.equals().json(), nullptr, /*allow_exceptions=*/false);
  }
  return result;
}

// A meaning of that status that stands for all its answers would never let this one be seen.
void CheckNotHidden(const CompileContext& context, absl::string_view field,
                    const std::optional<ResponseMatch>& match) {
  if (!match.has_value() || match->path.has_value() || context.report.HasErrorAt(field)) return;
  if (!context.manifest.http().outcomes().contains(match->status)) return;
  context.report.Error(field, "has a status that http.outcomes has, too",
                       "take it out there, or give this one a path and equals");
}

void CompileKeyAnswers(const CompileContext& context) {
  const Manifest::Keyed& keyed = context.manifest.safety().keyed();
  ManifestReport& report = context.report;
  Tool& tool = context.tool;
  constexpr absl::string_view kInUse = "safety.keyed.in_use";
  constexpr absl::string_view kReused = "safety.keyed.reused";
  if (keyed.has_in_use() && GoesWith(context, Binding::kHttp, kInUse, kTakeOut)) {
    tool.key_in_use = CompileMatch(context, std::string(kInUse), keyed.in_use());
    CheckNotHidden(context, kInUse, tool.key_in_use);
  }
  if (!keyed.has_reused() || !GoesWith(context, Binding::kHttp, kReused, kTakeOut)) return;
  tool.key_reused = CompileMatch(context, std::string(kReused), keyed.reused());
  CheckNotHidden(context, kReused, tool.key_reused);
  if (tool.key_in_use.has_value() && !tool.key_in_use->path.has_value() &&
      tool.key_in_use->status == tool.key_reused->status && !report.HasErrorAt("safety.keyed")) {
    report.Error(kReused, "can never be told from in_use, which has the same status",
                 "give in_use a path and equals");
  }
}

void CompileKeyed(const CompileContext& context) {
  const Manifest::Keyed& keyed = context.manifest.safety().keyed();
  ManifestReport& report = context.report;
  Tool& tool = context.tool;
  tool.safety.keyed = true;
  tool.safety.replays_errors = keyed.replays_errors();
  if (!keyed.has_retention()) {
    ReportMissing(report, "safety.keyed.retention",
                  "how long the downstream remembers a key, from its documentation: 24h");
  }
  tool.safety.key_retention = DurationIn(report, "safety.keyed.retention",
                                         keyed.has_retention() ? &keyed.retention() : nullptr,
                                         kRetentions, absl::ZeroDuration());
  if (keyed.has_plugin() && GoesWith(context, Binding::kPlugin, "safety.keyed.plugin", kTakeOut)) {
    if (!keyed.plugin()) {
      report.Error("safety.keyed.plugin", "is false", "true, or leave `keyed` out");
    }
    tool.key_placement = {.kind = KeyPlacement::Kind::kPlugin, .header = {}, .body = {}};
  }
  if (keyed.has_mcp_meta() && GoesWith(context, Binding::kMcp, "safety.keyed.mcp_meta", kTakeOut)) {
    if (!IsMcpMetaName(keyed.mcp_meta())) {
      report.Error("safety.keyed.mcp_meta", "is no name that a member of _meta may have",
                   "such as com.example/idempotencyKey; mcp and modelcontextprotocol are reserved");
    }
    tool.key_placement = {.kind = KeyPlacement::Kind::kMcpMeta, .mcp_meta = keyed.mcp_meta()};
  }
  if (!report.HasErrorAt("safety.keyed.header") && keyed.has_header() &&
      GoesWith(context, Binding::kHttp, "safety.keyed.header", kOtherKeys)) {
    CompileKeyHeader(context, keyed.header());
  }
  if (!report.HasErrorAt("safety.keyed.body") && keyed.has_body() &&
      GoesWith(context, Binding::kHttp, "safety.keyed.body", kOtherKeys)) {
    CompileKeyBody(context, keyed.body());
  }
  CompileKeyAnswers(context);
}

void CompileOurs(const CompileContext& context, ProbeSpec& spec) {
  const auto& ours = context.manifest.safety().probe().ours();
  const std::map<std::string, std::string> sorted(ours.begin(), ours.end());
  for (const auto& [found, argument] : sorted) {
    const std::string field = FieldPath("safety.probe.ours", found);
    std::optional<JsonPath> row = PathFrom(context.report, field, found);
    std::optional<JsonPath> named = NamedArgument(context, field, argument);
    if (row.has_value() && named.has_value()) {
      spec.ours.push_back({.found = *std::move(row), .argument = *std::move(named)});
    }
  }
}

// The plugin is asked by the write's own request, so nothing more needs to be said about the
// question.
void CompileOwnProbe(const CompileContext& context, ProbeSpec& spec) {
  const Manifest::Probe& probe = context.manifest.safety().probe();
  spec.asks = ProbeSpec::Asks::kDownstream;
  if (!GoesWith(context, Binding::kPlugin, "safety.probe.plugin", kTakeOut)) return;
  if (probe.tool().empty() && !probe.has_args() && probe.applied_if().empty() &&
      probe.ours().empty() && probe.result().empty()) {
    return;
  }
  context.report.Error("safety.probe.plugin",
                       "stands beside tool, args, applied_if, ours or result",
                       "either the plugin is asked, or a READ of the catalog");
}

void CompileReadProbe(const CompileContext& context, ProbeSpec& spec) {
  const Manifest::Probe& probe = context.manifest.safety().probe();
  ManifestReport& report = context.report;
  spec.tool = probe.tool();
  if (probe.tool().empty()) ReportMissing(report, "safety.probe.tool", "the name of a READ");
  if (probe.has_args()) {
    if (auto args = JsonTemplateFrom(context, "safety.probe.args", probe.args())) {
      if (!args->source().is_object()) {
        report.Error("safety.probe.args", "must be a mapping", "{ slot: $.slot_iso }");
      }
      spec.args = *std::move(args);
    }
  } else if (absl::StatusOr<JsonTemplate> none = JsonTemplate::Parse(Json::object()); none.ok()) {
    spec.args = *std::move(none);
  }
  if (probe.applied_if().empty()) {
    ReportMissing(report, "safety.probe.applied_if",
                  "a path into the probe's answer: \"$.appointments[0].id\"");
  } else if (auto path = PathFrom(report, "safety.probe.applied_if", probe.applied_if())) {
    spec.applied_if = *std::move(path);
  }
  if (!probe.result().empty()) {
    spec.result = PathFrom(report, "safety.probe.result", probe.result());
  }
  CompileOurs(context, spec);
}

void CompileProbe(const CompileContext& context) {
  const Manifest::Probe& probe = context.manifest.safety().probe();
  ManifestReport& report = context.report;
  const ProbeSpec defaults;
  ProbeSpec spec;
  context.tool.safety.probed = true;
  if (probe.plugin()) {
    CompileOwnProbe(context, spec);
  } else {
    CompileReadProbe(context, spec);
  }
  if (probe.has_settle_after()) {
    spec.settle_after = DurationIn(report, "safety.probe.settle_after", &probe.settle_after(),
                                   kSettles, absl::ZeroDuration());
  }
  spec.attempts = static_cast<int>(
      IntegerIn(report, "safety.probe.attempts",
                probe.has_attempts() ? std::optional<int64_t>(probe.attempts()) : std::nullopt,
                kProbes, defaults.attempts));
  spec.interval =
      DurationIn(report, "safety.probe.interval",
                 probe.has_interval() ? &probe.interval() : nullptr, kIntervals, defaults.interval);
  if (probe.consistency() == Manifest::CONSISTENCY_EVENTUAL) {
    spec.consistency = ProbeSpec::Consistency::kEventual;
  }
  context.tool.probe = std::move(spec);
}

}  // namespace

void CompileSafety(const CompileContext& context) {
  if (!context.manifest.has_safety()) return;
  if (context.tool.effect == Effect::kRead) {
    context.report.Error("safety", "belongs to a WRITE",
                         "take it out: a READ may always be sent again");
    return;
  }
  const Manifest::Safety& safety = context.manifest.safety();
  context.tool.safety.natural = safety.natural();
  if (safety.has_keyed()) CompileKeyed(context);
  if (safety.has_probe()) CompileProbe(context);
}

}  // namespace onetake
