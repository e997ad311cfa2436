// Compiles how a downstream accepts a write and does it later.
#include "absl/strings/str_cat.h"
#include "runtime/catalog/compile_context.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr DurationRange kIntervals = {absl::Milliseconds(10), absl::Hours(1)};
constexpr DurationRange kPatiences = {absl::Seconds(1), absl::Hours(24 * 7)};
constexpr absl::string_view kJob = "job";

std::optional<JsonPath> RequiredPath(ManifestReport& report, absl::string_view field,
                                     const std::string& text, absl::string_view advice) {
  if (!text.empty()) return PathFrom(report, field, text);
  ReportMissing(report, field, advice);
  return std::nullopt;
}

// Checks a value of `args`: if it is a path, it names an argument, or the job by $.job.
void CheckValue(const CompileContext& context, const std::string& field, const Json& value) {
  if (!value.is_string()) return;
  const std::string& text = value.get_ref<const std::string&>();
  if (text == "$.job" || text.rfind("$$", 0) == 0) return;
  if (text == "{job}") {
    return context.report.Error(field, "would be sent as it stands, not the job's id",
                                "write $.job");
  }
  if (text.empty() || text[0] != '$') return CheckNoHole(context, field, text);
  ArgumentPath(context, field, text);
}

void CompileArgs(const CompileContext& context, JobSpec& spec) {
  ManifestReport& report = context.report;
  if (!context.manifest.job().has_args()) {
    return ReportMissing(report, "job.args", "{ job_id: $.job }");
  }
  if (report.HasErrorAt("job.args")) return;
  Json args = Json::parse(context.manifest.job().args().json(), nullptr,
                          /*allow_exceptions=*/false);
  if (!args.is_object()) {
    return report.Error("job.args", "must be a mapping", "{ job_id: $.job }");
  }
  for (const auto& [name, value] : args.items()) {
    CheckValue(context, FieldPath("job.args", name), value);
  }
  if (absl::StatusOr<JsonTemplate> parsed = JsonTemplate::Parse(std::move(args)); parsed.ok()) {
    spec.args = *std::move(parsed);
  }
}

}  // namespace

void CompileJob(const CompileContext& context) {
  if (!context.manifest.has_job()) return;
  const Manifest::Job& job = context.manifest.job();
  ManifestReport& report = context.report;
  if (context.tool.effect != Effect::kWrite) {
    return report.Error(kJob, "is for a WRITE", "take it out");
  }
  if (context.manifest.has_plugin() || context.manifest.has_mcp()) {
    return report.Error(kJob, "is for a tool that is called by http, whose 202 has the job's id",
                        "take it out: a plugin or an MCP server answers when it is done");
  }
  if (context.arguments != nullptr && context.arguments->Declares({{.name = "job"}})) {
    report.Error("job.args", "cannot tell $.job, the job's id, from the argument of that name",
                 "rename the argument");
  }
  if (context.manifest.http().outcomes().contains(202)) {
    report.Error("http.outcomes.202", "stands beside a job, which is what a 202 means then",
                 "take one of the two out");
  }
  JobSpec spec;
  spec.tool = job.tool();
  if (job.tool().empty()) ReportMissing(report, "job.tool", "the name of a READ");
  if (auto id = RequiredPath(report, "job.id", job.id(), "$.job_id")) spec.id = *std::move(id);
  if (auto done = RequiredPath(report, "job.done_if", job.done_if(), "$.result")) {
    spec.done_if = *std::move(done);
  }
  if (!job.failed_if().empty()) spec.failed_if = PathFrom(report, "job.failed_if", job.failed_if());
  if (!job.result().empty()) spec.result = PathFrom(report, "job.result", job.result());
  CompileArgs(context, spec);
  spec.interval = DurationIn(report, "job.interval", job.has_interval() ? &job.interval() : nullptr,
                             kIntervals, spec.interval);
  spec.give_up_after = DurationIn(report, "job.give_up_after",
                                  job.has_give_up_after() ? &job.give_up_after() : nullptr,
                                  kPatiences, spec.give_up_after);
  context.tool.job = std::move(spec);
}

}  // namespace onetake
