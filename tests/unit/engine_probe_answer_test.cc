// What an answer to a probe means.
#include <gtest/gtest.h>

#include "runtime/engine/probe_answer.h"

namespace onetake::testing {
namespace {

ProbeSpec Spec(const char* applied_if, bool with_ours) {
  ProbeSpec probe{.tool = "find",
                  .args = JsonTemplate::Parse(Json::object()).value(),
                  .applied_if = JsonPath::Parse(applied_if).value()};
  if (with_ours) {
    probe.ours = {{.found = JsonPath::Parse("$.patient").value(),
                   .argument = JsonPath::Parse("$.patient_id").value()}};
  }
  return probe;
}

struct AnswerCase {
  const char* name;
  const char* applied_if;
  bool ours;
  const char* answer;
  ProbeFinding finding;
};

class ProbeAnswerTest : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(ProbeAnswerTest, Means) {
  const AnswerCase& test = GetParam();
  EXPECT_EQ(ReadProbeAnswer(Spec(test.applied_if, test.ours), Json::parse(test.answer),
                            Json{{"patient_id", "p1"}}),
            test.finding);
}

// Edge case 23
INSTANTIATE_TEST_SUITE_P(
    Table, ProbeAnswerTest,
    ::testing::Values(
        AnswerCase{"OneRow", "$.rows[0].id", false, R"({"rows":[{"id":7}]})",
                   ProbeFinding::kApplied},
        AnswerCase{"NoRow", "$.rows[0].id", false, R"({"rows":[]})", ProbeFinding::kNotApplied},
        AnswerCase{"NoList", "$.rows[0].id", false, R"({})", ProbeFinding::kNotApplied},
        AnswerCase{"ListForAnObject", "$.rows[0].id", false, "[]", ProbeFinding::kNoAnswer},
        AnswerCase{"McpContent", "$.rows[0].id", false,
                   R"([{"type":"text","text":"{}"},{"type":"resource_link"}])",
                   ProbeFinding::kNoAnswer},
        AnswerCase{"ObjectForAList", "$[0].id", false, R"({"id":7})", ProbeFinding::kNoAnswer},
        AnswerCase{"ObjectForAListWithin", "$.rows[0].id", false, R"({"rows":{"1":{"id":7}}})",
                   ProbeFinding::kNoAnswer},
        AnswerCase{"NullForAList", "$.rows[0].id", false, R"({"rows":null})",
                   ProbeFinding::kNotApplied},
        AnswerCase{"TwoRows", "$.rows[0].id", false, R"({"rows":[{"id":7},{"id":8}]})",
                   ProbeFinding::kTwoMatches},
        AnswerCase{"RowsThatSayNo", "$.rows[0].booked", false,
                   R"({"rows":[{"booked":false},{"booked":true}]})", ProbeFinding::kApplied},
        AnswerCase{"OurRow", "$.rows[0].id", true, R"({"rows":[{"id":7,"patient":"p1"}]})",
                   ProbeFinding::kApplied},
        AnswerCase{"SomebodyElsesRow", "$.rows[0].id", true,
                   R"({"rows":[{"id":7,"patient":"p2"}]})", ProbeFinding::kSomebodyElses},
        AnswerCase{"OursAmongOthers", "$.rows[0].id", true,
                   R"({"rows":[{"id":7,"patient":"p2"},{"id":8,"patient":"p1"}]})",
                   ProbeFinding::kApplied},
        AnswerCase{"TwoOfOurs", "$.rows[0].id", true,
                   R"({"rows":[{"id":7,"patient":"p1"},{"id":8,"patient":"p1"}]})",
                   ProbeFinding::kTwoMatches},
        AnswerCase{"NoOwnerAtAll", "$.rows[0].id", true, R"({"rows":[{"id":7}]})",
                   ProbeFinding::kSomebodyElses},
        AnswerCase{"OneNode", "$.status.booked", false, R"({"status":{"booked":true}})",
                   ProbeFinding::kApplied},
        AnswerCase{"OneNodeThatSaysNo", "$.status.booked", false, R"({"status":{"booked":false}})",
                   ProbeFinding::kNotApplied},
        AnswerCase{"ListForAnObjectWithin", "$.status.booked", false,
                   R"({"status":[{"booked":true}]})", ProbeFinding::kNoAnswer},
        AnswerCase{"WordForAnObject", "$.status.booked", false, R"({"status":"none"})",
                   ProbeFinding::kNotApplied},
        AnswerCase{"OneNodeOfSomebodyElse", "$.id", true, R"({"id":7,"patient":"p2"})",
                   ProbeFinding::kSomebodyElses}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
