#include "tools/kit/plugin_checks.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tools/kit/attempt_runner.h"

namespace onetake {
namespace {

using Holds = CheckList::Holds;
using Finding = ProbeReport::Finding;

constexpr absl::Duration kReady = absl::Seconds(20);
constexpr absl::Duration kLong = absl::Seconds(30);
constexpr absl::Duration kShort = absl::Milliseconds(1);

std::string SaidWhy(const AttemptReport& report) {
  return absl::StrCat(Said(report), report.error.empty() ? "" : ": ", report.error);
}

absl::string_view Said(Finding finding) {
  switch (finding) {
    case Finding::kApplied: return "applied";
    case Finding::kNotApplied: return "not applied";
    case Finding::kInconclusive: return "inconclusive";
  }
  return "?";
}

class PluginChecks {
 public:
  PluginChecks(const Tool& tool, const Json& arguments, const PluginCheckOptions& options,
               AttemptRunner& runner)
      : tool_(std::make_shared<Tool>(tool)),
        arguments_(arguments),
        options_(options),
        runner_(runner),
        list_(tool.name) {}

  std::vector<CheckResult> Run(const PluginDescription& description);

 private:
  void CheckDescription(const PluginDescription& description);
  void CheckRead();
  void CheckWrite();
  void CheckOnce(const std::string& rendered, const AttemptReport& first);
  void CheckProbe(const std::string& fresh, const std::string& done, const std::string& result);
  void CheckProbeOfRunning();
  void CheckDeadline();
  void CheckCancel();
  void CheckSecrets();

  std::string Rendered(absl::string_view key);
  AttemptReport Attempt(const std::string& rendered, int number, absl::Duration timeout);
  ProbeReport Ask(const std::string& rendered);
  void Hear(const AttemptRunner::Ran& ran);

  const std::shared_ptr<Tool> tool_;
  const Json& arguments_;
  const PluginCheckOptions& options_;
  AttemptRunner& runner_;
  CheckList list_;
  std::string heard_;  // all that the plugin has said
  size_t progress_ = 0;
};

std::string PluginChecks::Rendered(absl::string_view key) {
  const std::string whole = key.empty() ? "" : absl::StrCat(options_.key_prefix, key);
  return runner_.Render(*tool_, arguments_, whole).value_or("");
}

AttemptReport PluginChecks::Attempt(const std::string& rendered, int number,
                                    absl::Duration timeout) {
  AttemptRunner::Ran ran =
      runner_.Run(tool_, {.rendered = rendered, .timeout = timeout, .number = number});
  Hear(ran);
  return std::move(ran.report);
}

void PluginChecks::Hear(const AttemptRunner::Ran& ran) {
  for (const AttemptProgress& progress : ran.progress) absl::StrAppend(&heard_, progress.text);
  absl::StrAppend(&heard_, ran.report.error, ran.report.result_json);
  progress_ += ran.progress.size();
}

ProbeReport PluginChecks::Ask(const std::string& rendered) {
  ProbeReport report = runner_.Probe(tool_, rendered, kLong).value_or(ProbeReport{});
  absl::StrAppend(&heard_, report.error, report.result_json);
  return report;
}

void PluginChecks::CheckDescription(const PluginDescription& description) {
  const std::string& name = tool_->plugin->tool;
  for (const PluginDescription::Tool& offered : description.tools) {
    if (offered.name != name) continue;
    list_.Pass("describe.offered", absl::StrCat("the plugin offers ", name));
    list_.Judge("describe.effect",
                Holds(tool_->effect == Effect::kWrite || offered.effect == Effect::kRead),
                "the manifest's class is the plugin's, or more careful",
                "the manifest says READ, the plugin says WRITE");
    list_.Judge("describe.key",
                Holds(!tool_->safety.keyed || offered.key_retention >= tool_->safety.key_retention),
                "the plugin honours the key as long as the manifest says",
                "the manifest says KEYED for longer than the plugin honours the key");
    const bool asks =
        tool_->probe.has_value() && tool_->probe->asks == ProbeSpec::Asks::kDownstream;
    return list_.Judge("describe.probe", Holds(!asks || offered.can_probe),
                       "what the manifest says of probes, the plugin says too",
                       "the manifest says that the plugin can be asked, the plugin does not");
  }
  list_.Fail("describe.offered", absl::StrCat("the plugin does not offer ", name));
}

void PluginChecks::CheckRead() {
  const AttemptReport report = Attempt(Rendered(""), 1, kLong);
  list_.Judge("read.answers", Holds(!report.failure.has_value()), "it answers with JSON",
              absl::StrCat("it was taken as ", SaidWhy(report)));
  CheckCancel();
}

void PluginChecks::CheckWrite() {
  if (options_.writes == PluginCheckOptions::Writes::kNo) {
    return list_.Skip("write", "it would be made: say so with --execute-writes");
  }
  const std::string rendered = Rendered("once");
  const AttemptReport first = Attempt(rendered, 1, kLong);
  list_.Judge("write.succeeds", Holds(!first.failure.has_value()),
              "it is done, and answers with JSON",
              absl::StrCat("it was taken as ", SaidWhy(first)));
  if (first.failure.has_value()) return;
  CheckOnce(rendered, first);
  CheckProbe(Rendered("never"), rendered, first.result_json);
  CheckProbeOfRunning();
  CheckDeadline();
}

void PluginChecks::CheckOnce(const std::string& rendered, const AttemptReport& first) {
  if (!tool_->safety.keyed && !tool_->safety.natural) {
    return list_.Skip("write.once", "neither KEYED nor NATURAL: onetake never sends it again");
  }
  const AttemptReport again = Attempt(rendered, 2, kLong);
  list_.Judge(
      "write.once", Holds(!again.failure.has_value() && again.result_json == first.result_json),
      "the same key again gives the same result",
      again.failure.has_value() ? absl::StrCat("the same key again was taken as ", SaidWhy(again))
                                : "the same key again gives another result: was it done twice?");
}

void PluginChecks::CheckProbe(const std::string& fresh, const std::string& done,
                              const std::string& result) {
  if (!tool_->probe.has_value() || tool_->probe->asks != ProbeSpec::Asks::kDownstream) {
    return list_.Skip("probe", "the plugin is not asked about this tool");
  }
  const Finding before = Ask(fresh).finding;
  list_.Judge("probe.of_nothing", Holds(before != Finding::kApplied),
              absl::StrCat("of a key that was never used: ", Said(before)),
              "it says \"applied\" of a key that was never used");
  const ProbeReport after = Ask(done);
  list_.Judge("probe.of_done", Holds(after.finding == Finding::kApplied),
              "of a write that is done: applied",
              absl::StrCat("of a write that is done: ", Said(after.finding)));
  if (after.finding != Finding::kApplied) return;
  list_.Judge("probe.result", Holds(after.result_json.empty() || after.result_json == result),
              "its result is the write's, or none", "its result is not the write's");
}

// A write that runs may yet take effect: who is told "not applied" of it sends it a second time.
void PluginChecks::CheckProbeOfRunning() {
  if (!tool_->probe.has_value() || tool_->probe->asks != ProbeSpec::Asks::kDownstream) return;
  const AttemptRunner::Asked asked =
      runner_.RunAndAsk(tool_, {.rendered = Rendered("running"), .timeout = kLong});
  Hear(asked.ran);
  if (!asked.probe.has_value()) {
    return list_.Skip("probe.of_running", "it tells no progress: nobody knows when it runs");
  }
  absl::StrAppend(&heard_, asked.probe->error, asked.probe->result_json);
  const bool done = !asked.ran.report.failure.has_value();
  list_.Judge("probe.of_running", Holds(!done || asked.probe->finding != Finding::kNotApplied),
              absl::StrCat("of a write that runs: ", Said(asked.probe->finding)),
              "it says \"not applied\" of a write that runs, and is done then");
}

// A call that was given up may have happened; but it must be over, and the plugin must live on.
void PluginChecks::CheckDeadline() {
  const std::string rendered = Rendered("late");
  const AttemptReport late = Attempt(rendered, 1, kShort);
  if (!late.timed_out) {
    list_.Skip("deadline.kept", "it is done before any deadline");
  } else {
    list_.Pass("deadline.kept", "given up at the deadline, and taken as \"may have happened\"");
  }
  if (tool_->safety.keyed || tool_->safety.natural) {
    const AttemptReport again = Attempt(rendered, 2, kLong);
    list_.Judge("deadline.lives_on", Holds(!again.failure.has_value()),
                "the next attempt of the same key is answered",
                absl::StrCat("the next attempt of the same key was taken as ", SaidWhy(again)));
  }
}

void PluginChecks::CheckCancel() {
  const AttemptRunner::Ran ran =
      runner_.RunAndCancel(tool_, {.rendered = Rendered(""), .timeout = kLong}, [] {});
  list_.Judge("cancel.reported", Holds(ran.answered), "a cancelled READ is reported",
              "a cancelled READ was never reported");
  const AttemptReport next = Attempt(Rendered(""), 1, kLong);
  list_.Judge("cancel.lives_on", Holds(!next.failure.has_value()), "the next call is answered",
              absl::StrCat("the next call was taken as ", SaidWhy(next)));
}

void PluginChecks::CheckSecrets() {
  if (options_.secrets.empty()) {
    return list_.Skip("secret.not_echoed", "none is known here: --pass-env NAME");
  }
  bool echoed = false;
  for (const std::string& secret : options_.secrets) {
    echoed = echoed || (!secret.empty() && absl::StrContains(heard_, secret));
  }
  list_.Judge("secret.not_echoed", Holds(!echoed), "it is in nothing that the plugin said",
              "it is in what the plugin said");
}

std::vector<CheckResult> PluginChecks::Run(const PluginDescription& description) {
  CheckDescription(description);
  if (description.Offers(tool_->plugin->tool)) {
    if (tool_->effect == Effect::kRead) {
      CheckRead();
    } else {
      CheckWrite();
    }
    if (progress_ == 0) {
      list_.Skip("progress", "it told none");
    } else {
      list_.Pass("progress", absl::StrCat("told ", progress_, " times"));
    }
    CheckSecrets();
  }
  return list_.Take();
}

std::shared_ptr<Tool> DescribedTool(const PluginDescription::Tool& offered,
                                    const std::string& plugin) {
  auto tool = std::make_shared<Tool>();
  tool->name = offered.name;
  tool->effect = offered.effect;
  tool->executor = "plugin";
  tool->plugin = PluginBinding{
      .plugin = plugin, .tool = offered.name, .arguments = JsonTemplate::Parse("$").value()};
  if (offered.effect == Effect::kRead) return tool;
  tool->safety.keyed = offered.key_retention > absl::ZeroDuration();
  tool->safety.key_retention = offered.key_retention;
  tool->safety.probed = offered.can_probe;
  if (offered.can_probe) {
    tool->probe.emplace();
    tool->probe->asks = ProbeSpec::Asks::kDownstream;
  }
  return tool;
}

}  // namespace

absl::StatusOr<PluginDescription> AwaitDescription(PluginExecutor& executor, EventLoop& loop,
                                                   const std::string& plugin) {
  const absl::Time end = absl::Now() + kReady;
  while (absl::Now() < end) {
    std::optional<PluginDescription> description;
    absl::Notification looked;
    loop.Post([&] {
      PluginLink* link = executor.LinkOf(plugin);
      if (link != nullptr && link->description() != nullptr) description = *link->description();
      looked.Notify();
    });
    looked.WaitForNotification();
    if (description.has_value()) return *std::move(description);
    absl::SleepFor(absl::Milliseconds(10));
  }
  return absl::UnavailableError(
      absl::StrCat("the plugin was not ready within ", absl::FormatDuration(kReady)));
}

std::vector<std::shared_ptr<Tool>> DescribedTools(const PluginDescription& description,
                                                  const std::string& plugin,
                                                  std::vector<CheckResult>& results) {
  std::vector<std::shared_ptr<Tool>> tools;
  for (const PluginDescription::Tool& offered : description.tools) {
    std::shared_ptr<Tool> tool = DescribedTool(offered, plugin);
    absl::StatusOr<Json> document = ParseJson(offered.parameters_json, ResultLimits());
    auto schema = document.ok()
                      ? JsonSchema::Compile(*std::move(document))
                      : absl::StatusOr<std::shared_ptr<const JsonSchema>>(document.status());
    if (schema.ok()) {
      tool->parameters = *std::move(schema);
      tools.push_back(std::move(tool));
      continue;
    }
    CheckList list(offered.name);
    list.Fail("describe.parameters", schema.status().message());
    for (CheckResult& result : list.Take()) results.push_back(std::move(result));
  }
  return tools;
}

std::vector<CheckResult> CheckPluginTool(const Tool& tool, const Json& arguments,
                                         const PluginDescription& description,
                                         const PluginCheckOptions& options,
                                         PluginExecutor& executor, EventLoop& loop) {
  AttemptRunner runner(loop, executor);
  return PluginChecks(tool, arguments, options, runner).Run(description);
}

}  // namespace onetake
