#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/engine/engine.h"
#include "tests/testing/memory_ledger.h"
#include "tests/testing/scripted_executor.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {

inline constexpr absl::string_view kBookingSchema = R"({
  "type": "object",
  "properties": {
    "slot_iso": {"type": "string"}, "provider_id": {"type": "string"},
    "patient_id": {"type": "string"}, "notes": {"type": "string"}
  },
  "required": ["slot_iso", "provider_id"],
  "additionalProperties": false
})";

inline constexpr absl::string_view kBooking =
    R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","patient_id":"p1"})";

inline std::shared_ptr<Tool> BookingTool(std::string name, RetrySafety safety) {
  auto tool = std::make_shared<Tool>();
  tool->name = std::move(name);
  tool->version = "v1";
  tool->effect = Effect::kWrite;
  tool->safety = safety;
  tool->parameters = JsonSchema::Compile(Json::parse(kBookingSchema)).value();
  tool->intent.scope = {{.kind = ScopeKind::kSession}};
  tool->intent.identity = {{"$.slot_iso", "slot_iso", Normaliser::kInstant},
                           {"$.provider_id", "provider_id", Normaliser::kVerbatim}};
  tool->intent.ignored = {"$.notes"};
  tool->executor = "scripted";
  if (safety.probed) {
    tool->probe = ProbeSpec{.tool = "find",
                            .args = JsonTemplate::Parse(Json{{"slot_iso", "$.slot_iso"}}).value(),
                            .applied_if = JsonPath::Parse("$.found[0]").value()};
  }
  return tool;
}

inline std::shared_ptr<Tool> ReadTool(std::string name) {
  auto tool = std::make_shared<Tool>();
  tool->name = std::move(name);
  tool->version = "v1";
  tool->effect = Effect::kRead;
  tool->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  tool->executor = "scripted";
  return tool;
}

// The real engine in one thread, on a simulated clock, a ledger in memory and a scripted
// downstream.
class EngineFixture : public ::testing::Test {
 protected:
  using Reply = std::optional<absl::StatusOr<Answer>>;

  EngineFixture() { Restart(); }

  // A new process on the same ledger.
  void Restart() {
    RestartWith({
        BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)}),
        BookingTool("natural", {.natural = true}),
        BookingTool("probed", {.probed = true}),
        BookingTool("none", {}),
        ReadTool("find"),
    });
  }
  // The same, with other manifests.
  void RestartWith(std::vector<std::shared_ptr<const Tool>> tools) {
    engine.reset();
    sim = std::make_unique<SimScheduler>();
    executor = std::make_unique<ScriptedExecutor>(*sim);
    // R1, I3: whatever is sent is in the ledger already.
    executor->on_send = [this](const std::string& key) {
      EXPECT_TRUE(key.empty() || ledger.HoldsKey(key)) << "sent before its claim";
    };
    Engine::Options options{.tenant_key = Secret("0123456789abcdef0123456789abcdef"),
                            .max_in_flight = 100,
                            .max_unsettled = max_unsettled,
                            .breaker = {},
                            .retry_budget = {},
                            .recovery_parallel = 2,
                            .unsure_until = sim->Now() + unsure_for,
                            .restored_at = restored_at,
                            .observer = observer};
    engine = std::make_unique<Engine>(
        std::move(options), *sim, *sim, random, ledger,
        std::map<std::string, ToolExecutor*>{{"scripted", executor.get()}});
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }

  // The ledger was restored from an older copy.
  void RestartUnsure(absl::Duration time) {
    unsure_for = time;
    Restart();
  }

  static ToolCall Call(std::string tool, std::string arguments = std::string(kBooking),
                       std::string tool_call_id = "") {
    return {.tenant = "t",
            .tool = std::move(tool),
            .arguments_json = std::move(arguments),
            .session_id = "call-17",
            .tool_call_id = std::move(tool_call_id)};
  }

  // Starts a call; the reply appears when it is answered.
  std::shared_ptr<Reply> Start(ToolCall call) {
    auto reply = std::make_shared<Reply>();
    engine->Execute(std::move(call), [reply](absl::StatusOr<Answer> answer) {
      ONETAKE_CHECK(!reply->has_value());  // exactly one answer
      *reply = std::move(answer);
    });
    sim->RunReady();
    return reply;
  }

  // Runs a call until it is answered.
  Answer Run(ToolCall call) {
    const std::shared_ptr<Reply> reply = Start(std::move(call));
    for (int i = 0; i < 10'000 && !reply->has_value(); ++i) sim->Advance(absl::Milliseconds(50));
    EXPECT_TRUE(reply->has_value()) << "no answer";
    EXPECT_THAT(**reply, IsOk());
    return reply->has_value() && (*reply)->ok() ? ***reply : Answer{};
  }

  absl::Status RunStatus(ToolCall call) {
    const std::shared_ptr<Reply> reply = Start(std::move(call));
    sim->Advance(absl::Seconds(10));
    return reply->has_value() ? (*reply)->status() : absl::UnknownError("no answer");
  }

  void Settle() { sim->RunUntilIdle(absl::Minutes(30)); }

  EngineObserver* observer = nullptr;  // of the next Restart()
  size_t max_unsettled = 100'000;
  absl::Duration unsure_for = -absl::InfiniteDuration();
  absl::Time restored_at = absl::InfinitePast();
  MemoryLedger ledger;
  SimRandom random{7};
  std::unique_ptr<SimScheduler> sim;
  std::unique_ptr<ScriptedExecutor> executor;
  std::unique_ptr<Engine> engine;
};

}  // namespace onetake::testing
