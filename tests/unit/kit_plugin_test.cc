// The contract kit against plugins that keep their promises, and against one fault at a time.
#include "absl/synchronization/notification.h"
#include "tests/testing/kit_fixture.h"
#include "tools/kit/plugin_checks.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kSecret[] = "pms-token-9";

// A plugin in this process, with the faults that a test gives it. Lives on the loop.
class FaultyPlugin final : public PluginLink {
 public:
  struct Faults {
    bool forgets_keys = false;      // does the same key again
    bool refuses_again = false;     // says no to the same key
    bool probe_knows_all = false;   // "applied" of whatever it is asked about
    bool probe_knows_none = false;  // "not applied" of what is done
    bool probe_invents = false;     // another result than the write's
    bool denies_running = false;    // "not applied" of a write that runs
    bool tells_secret = false;      // in its progress
    bool dies_when_cancelled = false;
  };

  FaultyPlugin(Scheduler& scheduler, Faults faults) : scheduler_(scheduler), faults_(faults) {
    description_.tools.push_back({.name = "add_note",
                                  .parameters_json = R"({"type":"object"})",
                                  .key_retention = absl::Hours(24),
                                  .can_probe = true});
    description_.tools.push_back(
        {.name = "list_notes", .parameters_json = R"({"type":"object"})", .effect = Effect::kRead});
  }

  uint64_t Invoke(Call call, Progress progress, Done done) override {
    PluginResult result{.outcome = PluginResult::Outcome::kSucceeded, .result_json = "[]"};
    if (dead_) result = {.error = "dead"};
    if (faults_.denies_running && call.key == "k-running") {
      scheduler_.Post([progress = std::move(progress)] { progress({.text = "begun"}); });
      running_ = std::move(done);
      return 1;
    }
    // The one that will be cancelled.
    if (faults_.dies_when_cancelled && ++calls_ == 2) return calls_;
    if (!dead_ && !call.key.empty()) {
      const auto found = done_.find(call.key);
      const bool again = found != done_.end();
      if (!again || faults_.forgets_keys) done_[call.key] = std::to_string(++count_);
      result.result_json = done_[call.key];
      if (again && faults_.refuses_again) result.outcome = PluginResult::Outcome::kRejected;
    }
    scheduler_.Post([progress = std::move(progress), done = std::move(done), result,
                     tells = faults_.tells_secret]() mutable {
      progress({.text = tells ? kSecret : "half way", .progress = 1, .total = 2});
      done(std::move(result));
    });
    return 1;
  }
  void Probe(Call call, ProbeDone done) override {
    const auto found = done_.find(call.key);
    const bool knows = found != done_.end() && !faults_.probe_knows_none;
    ProbeReport report{.finding = ProbeReport::Finding::kNotApplied};
    if (knows || faults_.probe_knows_all) report.finding = ProbeReport::Finding::kApplied;
    if (knows) report.result_json = faults_.probe_invents ? "\"?\"" : found->second;
    scheduler_.Post([done = std::move(done), report]() mutable { done(report); });
    if (!running_) return;
    scheduler_.Post([done = std::exchange(running_, nullptr)]() mutable {
      done({.outcome = PluginResult::Outcome::kSucceeded, .result_json = "[]"});
    });
  }
  const PluginDescription* description() const override { return &description_; }
  PluginResult::Delivery Cancel(uint64_t /*id*/) override {
    dead_ = faults_.dies_when_cancelled;
    return PluginResult::Delivery::kSeen;
  }

 private:
  Scheduler& scheduler_;
  const Faults faults_;
  PluginDescription description_;
  std::map<std::string, std::string> done_;  // results by key
  int count_ = 0;
  uint64_t calls_ = 0;
  bool dead_ = false;
  Done running_;  // of a write that runs until somebody asks about it
};

class PluginChecksTest : public KitTest {
 protected:
  CheckResults Check(const std::string& name, FaultyPlugin::Faults faults,
                     PluginCheckOptions::Writes writes = PluginCheckOptions::Writes::kMake) {
    std::map<std::string, std::unique_ptr<PluginLink>> links;
    links.emplace("notes", std::make_unique<FaultyPlugin>(loop_, faults));
    PluginExecutor executor(loop_, clock_, std::move(links));
    const PluginDescription description = AwaitDescription(executor, loop_, "notes").value();
    std::vector<CheckResult> results;
    for (const std::shared_ptr<Tool>& tool : DescribedTools(description, "notes", results)) {
      if (tool->name != name) continue;
      results = CheckPluginTool(*tool, Json::object(), description,
                                {.writes = writes, .key_prefix = "k-", .secrets = {kSecret}},
                                executor, loop_);
    }
    absl::Notification ended;
    loop_.Post([&] {
      executor.Stop();
      ended.Notify();
    });
    ended.WaitForNotification();
    return ByName(std::move(results));
  }
};

TEST_F(PluginChecksTest, APluginThatKeepsItsPromisesPasses) {
  const CheckResults write = Check("add_note", {});
  EXPECT_THAT(Failed(write), IsEmpty());
  for (const char* check : {"write.once", "probe.of_nothing", "probe.of_done", "probe.of_running",
                            "probe.result", "progress", "secret.not_echoed"}) {
    ASSERT_EQ(write.count(check), 1u) << check;
    EXPECT_EQ(write.at(check).verdict, CheckResult::Verdict::kPass) << check;
  }
  EXPECT_THAT(Failed(Check("list_notes", {})), IsEmpty());
}

TEST_F(PluginChecksTest, NoWriteIsMadeUnlessItIsAskedFor) {
  const CheckResults results = Check("add_note", {}, PluginCheckOptions::Writes::kNo);
  EXPECT_THAT(Skipped(results), ElementsAre("progress", "write"));
}

struct Fault {
  const char* name;
  FaultyPlugin::Faults faults;
  const char* tool;
  const char* failed;
};
class PluginFaultTest : public PluginChecksTest, public ::testing::WithParamInterface<Fault> {};

TEST_P(PluginFaultTest, IsFound) {
  EXPECT_THAT(Failed(Check(GetParam().tool, GetParam().faults)),
              ::testing::Contains(::testing::StartsWith(GetParam().failed)));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, PluginFaultTest,
    ::testing::Values(
        Fault{"ForgetsKeys",
              {.forgets_keys = true},
              "add_note",
              "write.once: the same key again gives another result"},
        Fault{"RefusesAgain",
              {.refuses_again = true},
              "add_note",
              "write.once: the same key again was taken as"},
        Fault{"ProbeKnowsAll", {.probe_knows_all = true}, "add_note", "probe.of_nothing: "},
        Fault{"ProbeKnowsNone", {.probe_knows_none = true}, "add_note", "probe.of_done: "},
        Fault{"ProbeInvents", {.probe_invents = true}, "add_note", "probe.result: "},
        Fault{"DeniesRunning", {.denies_running = true}, "add_note", "probe.of_running: "},
        Fault{"TellsSecret", {.tells_secret = true}, "add_note", "secret.not_echoed: "},
        Fault{
            "DiesWhenCancelled", {.dies_when_cancelled = true}, "list_notes", "cancel.lives_on: "}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
