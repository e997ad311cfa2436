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
        AnswerCase{"NullInARow", "$.rows[0].id", false, R"({"rows":[{"id":null}]})",
                   ProbeFinding::kNotApplied},
        AnswerCase{"RowInAList", "$.rows[0].slots[0].id", false,
                   R"({"rows":[{"slots":[]},{"slots":[{"id":7}]}]})", ProbeFinding::kApplied},
        AnswerCase{"NothingToCompareWith", "$.rows[0].id", true,
                   R"({"rows":[{"id":7,"patient":null}]})", ProbeFinding::kSomebodyElses},
        AnswerCase{"OneNode", "$.status.booked", false, R"({"status":{"booked":true}})",
                   ProbeFinding::kApplied},
        AnswerCase{"OneNodeThatSaysNo", "$.status.booked", false, R"({"status":{"booked":false}})",
                   ProbeFinding::kNotApplied},
        AnswerCase{"ListForAnObjectWithin", "$.status.booked", false,
                   R"({"status":[{"booked":true}]})", ProbeFinding::kNoAnswer},
        AnswerCase{"WordForAnObject", "$.status.booked", false, R"({"status":"none"})",
                   ProbeFinding::kNoAnswer},
        AnswerCase{"WordForAList", "$.rows[0].id", false, R"({"rows":"none"})",
                   ProbeFinding::kNoAnswer},
        AnswerCase{"WordForARow", "$.rows[0].id", false, R"({"rows":["7"]})",
                   ProbeFinding::kNoAnswer},
        AnswerCase{"OneRowOfAnotherShape", "$.rows[0].id", false, R"({"rows":[{},["7"]]})",
                   ProbeFinding::kNoAnswer},
        AnswerCase{"ObjectForAListInARow", "$.rows[0].slots[0].id", false,
                   R"({"rows":[{"slots":{"id":7}}]})", ProbeFinding::kNoAnswer},
        AnswerCase{"WordsAsRows", "$.rows[0]", false, R"({"rows":["7"]})", ProbeFinding::kApplied},
        AnswerCase{"NullForARow", "$.rows[0].id", false, R"({"rows":[null]})",
                   ProbeFinding::kNotApplied},
        AnswerCase{"OneNodeOfSomebodyElse", "$.id", true, R"({"id":7,"patient":"p2"})",
                   ProbeFinding::kSomebodyElses}),
    [](const auto& info) { return info.param.name; });

// Two absent values are no match.
TEST(ProbeAnswerOursTest, AWriteWithoutTheArgumentOwnsNoRow) {
  const Json rows = Json::parse(R"({"rows":[{"id":7,"patient":"p1"},{"id":8}]})");
  EXPECT_EQ(ReadProbeAnswer(Spec("$.rows[0].id", true), rows, Json::object()),
            ProbeFinding::kSomebodyElses);
}

struct ResultCase {
  const char* name;
  const char* applied_if;
  const char* result;  // empty: the manifest names none
  const char* answer;
  const char* is;
};

class ProbeResultTest : public ::testing::TestWithParam<ResultCase> {};

TEST_P(ProbeResultTest, IsOfTheRowThatIsOurs) {
  const ResultCase& test = GetParam();
  ProbeSpec probe = Spec(test.applied_if, true);
  if (*test.result != 0) probe.result = JsonPath::Parse(test.result).value();
  EXPECT_EQ(ProbeResult(probe, Json::parse(test.answer), Json{{"patient_id", "p1"}}),
            Json::parse(test.is));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ProbeResultTest,
    ::testing::Values(
        ResultCase{"WholeAnswer", "$.rows[0].id", "", R"({"rows":[{"id":7,"patient":"p1"}]})",
                   R"({"rows":[{"id":7,"patient":"p1"}]})"},
        ResultCase{"OurRow", "$.rows[0].id", "$.rows[0]",
                   R"({"rows":[{"id":7,"patient":"p2"},{"id":8,"patient":"p1"}]})",
                   R"({"id":8,"patient":"p1"})"},
        ResultCase{"PartOfOurRow", "$.rows[0].id", "$.rows[0].slot.code",
                   R"({"rows":[{"id":7,"patient":"p2","slot":{"code":"a"}},
                               {"id":8,"patient":"p1","slot":{"code":"b"}}]})",
                   R"("b")"},
        ResultCase{"LastOfAListInOurRow", "$.rows[0].id", "$.rows[0].codes[-1]",
                   R"({"rows":[{"id":7,"patient":"p2","codes":["a"]},
                               {"id":8,"patient":"p1","codes":["b","c"]}]})",
                   R"("c")"},
        ResultCase{"BeyondAListInOurRow", "$.rows[0].id", "$.rows[0].codes[2]",
                   R"({"rows":[{"id":8,"patient":"p1","codes":["b","c"]}]})", "null"},
        ResultCase{"BeforeAListInOurRow", "$.rows[0].id", "$.rows[0].codes[-3]",
                   R"({"rows":[{"id":8,"patient":"p1","codes":["b","c"]}]})", "null"},
        ResultCase{"NoListInOurRow", "$.rows[0].id", "$.rows[0].codes[0]",
                   R"({"rows":[{"id":8,"patient":"p1","codes":"b"}]})", "null"},
        ResultCase{"WholeList", "$.rows[0].id", "$.rows", R"({"rows":[{"id":8,"patient":"p1"}]})",
                   R"([{"id":8,"patient":"p1"}])"},
        ResultCase{"BesideTheList", "$.rows[0].id", "$.total",
                   R"({"rows":[{"id":8,"patient":"p1"}],"total":1})", "1"},
        ResultCase{"WithinWhatIsBesideTheList", "$.rows[0].id", "$.meta.total",
                   R"({"rows":[{"id":8,"patient":"p1"}],"meta":{"total":1}})", "1"},
        ResultCase{"AnotherList", "$.rows[0].id", "$.codes[0]",
                   R"({"rows":[{"id":7,"patient":"p2"},{"id":8,"patient":"p1"}],
                       "codes":["a","b"]})",
                   R"("a")"},
        ResultCase{"OneNode", "$.booked", "$.id", R"({"booked":true,"id":7,"patient":"p1"})", "7"},
        ResultCase{"NotThere", "$.rows[0].id", "$.rows[0].code",
                   R"({"rows":[{"id":8,"patient":"p1"}]})", "null"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
