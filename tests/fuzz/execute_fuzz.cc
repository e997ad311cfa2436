// Calls in process, a line each, as a model may give them, to a downstream that does what the line
// says. One answer each, nothing is sent before its claim, one effect an intent unless its nature
// or its key allows a second request, and what is told is the truth.
//
//   ARGUMENTS              to a keyed write, a write with no safety, and a READ
//   =TOOL STEPS ARGUMENTS  to one tool: k(eyed) n(atural) p(robed) u(nsafe) f(ind)
//   !                      onetaked dies, and is started again
//   ~                      the user discards the turn
#include <map>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_split.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

constexpr absl::string_view kEffect = R"({"ok":true})";
constexpr char kTurn[] = "turn-1";

ScriptedExecutor::Step StepOf(char what) {
  using Executor = ScriptedExecutor;
  switch (what) {
    case 'l': return Executor::LostAfterEffect();
    case 'L': return Executor::Failure(FailureKind::kLost);
    case '5': return Executor::Failure(FailureKind::kServerError, 503);
    case 'r': return Executor::Failure(FailureKind::kDefiniteRefusal, 422);
    case 'b': return Executor::Failure(FailureKind::kRefusedUnprocessed, 429);
    case 'x': return Executor::Failure(FailureKind::kNotSent);
    case 'i': return Executor::Failure(FailureKind::kKeyInUse, 409);
    case 't': return Executor::Success(std::string(kEffect), absl::Hours(1));
    case 'g': {
      Executor::Step step = Executor::Failure(FailureKind::kBodyUnreadable, 200);
      step.takes_effect = true;
      return step;
    }
    default: return Executor::Success(std::string(kEffect));
  }
}

class Bench final : public EngineFixture {
 public:
  Bench() { Start(); }
  void TestBody() override {}

  void Do(absl::string_view line) {
    if (line == "!") return Die();
    if (line == "~") {
      engine->DiscardTurn("t", "call-17", kTurn);
      return;
    }
    if (line.size() < 2 || line[0] != '=') {
      Execute("keyed", line, line.substr(0, 3));
      Execute("none", line, "");
      return Execute("find", line, "");
    }
    const std::pair<absl::string_view, absl::string_view> words =
        absl::StrSplit(line.substr(2), absl::MaxSplits(' ', 1));
    static const std::map<char, std::string> tools = {
        {'k', "keyed"}, {'n', "natural"}, {'p', "probed"}, {'f', "find"}};
    const auto tool = tools.find(line[1]);
    const std::string name = tool == tools.end() ? "none" : tool->second;
    for (const char step : words.first.substr(0, 8)) executor->Add(name, StepOf(step));
    scripted_find_ = name == "find";
    Execute(name, words.second, "");
    scripted_find_ = false;
    executor->Clear(name);
  }

  void Check() const {
    std::map<std::string, int> effects;
    for (const std::string& key : effects_) ++effects[key];
    for (const auto& [key, count] : effects) ONETAKE_CHECK(count == 1 || MayRepeat(key));
    for (const std::string& key : done_) ONETAKE_CHECK(effects[key] > 0);
    for (const std::string& key : rejected_) ONETAKE_CHECK(effects[key] == 0 || MayRepeat(key));
  }

 private:
  // A real downstream would make one effect of it, and refuse no key that it has seen.
  bool MayRepeat(const std::string& key) const {
    const Json& tool = sent_.at(key)["tool"];
    return tool == "keyed" || tool == "natural";
  }

  // The same as the fixture's tools, but that the probe asks for all of the identity.
  void Start() {
    const std::shared_ptr<Tool> probed = BookingTool("probed", {.probed = true});
    probed->probe->args =
        JsonTemplate::Parse(Json{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}})
            .value();
    RestartWith({BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)}),
                 BookingTool("natural", {.natural = true}), probed, BookingTool("none", {}),
                 ReadTool("find")});
    Watch();
  }

  void Watch() {
    executor->on_send = [this](const std::string& key) {
      ONETAKE_CHECK(key.empty() || ledger.HoldsKey(key));
    };
    executor->decide = [this](const Json& rendered) -> std::optional<ScriptedExecutor::Step> {
      const std::string key = rendered.value("key", "");
      if (!key.empty()) {
        sent_[key] = rendered;
        return std::nullopt;
      }
      if (scripted_find_) return std::nullopt;
      return ScriptedExecutor::Success(IsBooked(rendered["arguments"]) ? R"({"found":[1]})"
                                                                       : R"({"found":[]})");
    };
  }

  // By the tool that is probed.
  bool IsBooked(const Json& asked) {
    TakeEffects();
    return absl::c_any_of(effects_, [&](const std::string& key) {
      const Json& sent = sent_.at(key);
      return sent["tool"] == "probed" && absl::c_all_of(asked.items(), [&](const auto& member) {
               return sent["arguments"].value(member.key(), Json()) == member.value();
             });
    });
  }

  void Die() {
    TakeEffects();
    Start();
    taken_ = 0;
    ONETAKE_CHECK(ledger.MarkCrashed(sim->Now()).ok());
    engine->Recover();
  }

  void TakeEffects() {
    for (; taken_ < executor->effects.size(); ++taken_) {
      effects_.push_back(executor->effects[taken_]);
    }
  }

  void Execute(const std::string& tool, absl::string_view arguments, absl::string_view id) {
    int answers = 0;
    ToolCall call = Call(tool, std::string(arguments), std::string(id));
    call.turn_id = kTurn;
    engine->Execute(std::move(call), [&](const absl::StatusOr<Answer>& answer) {
      ++answers;
      if (!answer.ok() || !answer->intent.has_value()) return;
      if (answer->disposition == Disposition::kDone) done_.push_back(answer->intent->key);
      if (answer->disposition == Disposition::kRejected) rejected_.push_back(answer->intent->key);
    });
    sim->RunUntilIdle(absl::Minutes(30));
    ONETAKE_CHECK(answers == 1);
    TakeEffects();
  }

  std::map<std::string, Json> sent_;  // what was rendered, by key
  size_t taken_ = 0;                  // of this executor's effects
  bool scripted_find_ = false;        // a caller's READ, not a probe
  std::vector<std::string> effects_, done_, rejected_;
};

}  // namespace
}  // namespace onetake::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8 * 1024) return 0;
  onetake::testing::Bench bench;
  int lines = 0;
  for (const absl::string_view line : absl::StrSplit(onetake::TextOf(data, size), '\n')) {
    if (++lines > 12) break;
    bench.Do(line);
  }
  bench.Check();
  return 0;
}
