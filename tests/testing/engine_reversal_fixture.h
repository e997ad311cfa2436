#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/engine_fixture.h"

namespace onetake::testing {

inline constexpr char kCancel[] = R"({"appointment_id":"7"})";
inline constexpr char kCancelInOtherWords[] = R"({"appointment_id":"7","reason":"asked twice"})";
inline constexpr char kCancelSlot[] =
    R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim"})";
inline constexpr char kCancelSlotInOtherWords[] =
    R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","reason":"asked twice"})";

inline std::shared_ptr<Tool> CancelTool(std::string name, ReversesSpec reverses) {
  std::shared_ptr<Tool> tool = BookingTool(std::move(name), {.natural = true});
  tool->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  tool->intent.identity = {};
  tool->reverses = std::move(reverses);
  return tool;
}

// R7: book, cancel, book again.
class EngineReversalTest : public EngineFixture {
 protected:
  void SetUp() override { SetCancelSlot(CancelSlot()); }
  void SetCancelSlot(std::shared_ptr<Tool> cancel_slot) {
    std::shared_ptr<Tool> book =
        BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    book->result_ref = JsonPath::Parse("$.id").value();
    std::vector<std::shared_ptr<const Tool>> tools{
        book,
        CancelTool("cancel", {.tool = "book",
                              .argument = JsonPath::Parse("$.appointment_id").value(),
                              .result = JsonPath::Parse("$.id").value()}),
        std::move(cancel_slot)};
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  static std::shared_ptr<Tool> CancelSlot() {
    const Json identity{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}};
    return CancelTool("cancel_slot",
                      {.tool = "book", .identity = JsonTemplate::Parse(identity).value()});
  }

  // A person's verdict, which nobody else has given before.
  void SayItDidNotHappen(const std::string& intent_id) {
    SayItDidNotHappenLater(intent_id);
    sim->RunReady();
  }
  // The same, once the ledger's disk has let it through.
  void SayItDidNotHappenLater(const std::string& intent_id) {
    engine->Resolve(
        {.tenant = "t",
         .intent_id = intent_id,
         .verdict = IntentState::kRejected,
         .by = "dana",
         .evidence_json = "{}",
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  }
  std::vector<std::string> SentTools() const {
    std::vector<std::string> names;
    for (const auto& sent : executor->sent) names.push_back(sent.tool);
    return names;
  }
};

}  // namespace onetake::testing
