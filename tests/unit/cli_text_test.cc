#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onetake/v1/ledger.pb.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/text.h"

namespace onetake {
namespace {

using ::testing::HasSubstr;

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(Table({{"A", "LONG", "C"}, {"abc", "x", "y"}}),
            "A    LONG  C\n"
            "abc  x     y\n");
}

TEST(TableTest, LettersBeyondAsciiCountOnce) {
  EXPECT_EQ(Table({{"Zürich", "x"}, {"Berlin", "y"}}),
            "Zürich  x\n"
            "Berlin  y\n");
}

TEST(TableTest, NothingFollowsTheLastCell) {
  EXPECT_EQ(Table({{"a", ""}, {"b", "long"}}), "a\nb  long\n");
}

TEST(PrintableTest, NoControlCharacterReachesATerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb"), "a?[31mb");
  EXPECT_EQ(Printable("a\nb\tc\x7f"), "a?b?c?");
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "b"),
            "a?b");  // CSI as one C1 control
  EXPECT_EQ(Printable("Zürich ✓ \xc2\xa0"), "Zürich ✓ \xc2\xa0");
}

TEST(EvidenceTextTest, SaysHowWhatIsHiddenCanBeSeen) {
  EXPECT_EQ(EvidenceText(""), "");
  EXPECT_EQ(EvidenceText(R"({"finding":"APPLIED"})"), R"({"finding":"APPLIED"})");
  EXPECT_EQ(EvidenceText(R"({"hidden":true})"), kHiddenValue);
  EXPECT_EQ(EvidenceText(R"({"credential":"anonymous","hidden":true})"),
            R"({"credential":"anonymous"} (more is hidden; --unseal shows it to the role unseal))");
  EXPECT_EQ(EvidenceText("no JSON\x1b"), "no JSON?");
}

TEST(TimeTextTest, IsOfTheReadersZoneWithItsOffset) {
  google::protobuf::Timestamp time;
  time.set_seconds(1782327600);  // 2026-06-24T19:00:00Z
  time.set_nanos(123'999'999);
  EXPECT_EQ(TimeText(time, absl::UTCTimeZone()), "2026-06-24 19:00:00.123+00:00");
  EXPECT_EQ(TimeText(time, absl::FixedTimeZone(-5 * 3600)), "2026-06-24 14:00:00.123-05:00");
}

TEST(NameTest, IsWithoutThePrefixAndSurvivesNewerValues) {
  EXPECT_EQ(Name(v1::INTENT_STATE_IN_FLIGHT), "IN_FLIGHT");
  EXPECT_EQ(Name(v1::DISPOSITION_NEEDS_REVIEW), "NEEDS_REVIEW");
  EXPECT_EQ(Name(v1::INTENT_STATE_UNSPECIFIED), "-");
  EXPECT_EQ(Name(static_cast<v1::Disposition>(99)), "99");
}

TEST(ToJsonTest, KeepsFieldNamesAndDefaults) {
  v1::ExecuteResponse response;
  response.set_disposition(v1::DISPOSITION_DONE);
  const std::string json = ToJson(response);
  EXPECT_THAT(json, HasSubstr(R"("disposition":"DISPOSITION_DONE")"));
  EXPECT_THAT(json, HasSubstr(R"("result_json":"")"));
  EXPECT_THAT(json, HasSubstr(R"("replayed":false)"));
}

TEST(ToJsonTest, HasTheTimesOfTheZoneThatWasNamed) {
  v1::ListEventsResponse events;
  v1::EventRecord& event = *events.add_events();
  event.mutable_at()->set_seconds(1'782'327'600);
  event.mutable_at()->set_nanos(250'000'000);
  event.set_session_id("2026-06-24T19:00:00.250Z");
  event.set_evidence_json(R"({"at":"2026-06-24T19:00:00.250Z"})");
  Output output;
  EXPECT_EQ(ToJson(events, output), ToJson(events)) << "as protobuf writes it";
  output.zone_is = Output::Zone::kNamed;
  ASSERT_TRUE(absl::LoadTimeZone("Asia/Kolkata", &output.zone));
  const std::string json = ToJson(events, output);
  EXPECT_NE(json.find(R"("at":"2026-06-25T00:30:00.25+05:30")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("session_id":"2026-06-24T19:00:00.250Z")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"(\"at\":\"2026-06-24T19:00:00.250Z)"), std::string::npos) << json;
}

TEST(ExitCodeTest, EveryDispositionHasTheDocumentedOne) {
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_DONE), ExitCode::kDone);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_REJECTED), ExitCode::kNoEffect);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_FAILED), ExitCode::kNoEffect);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_PENDING), ExitCode::kOpen);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_UNCERTAIN), ExitCode::kOpen);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_NEEDS_REVIEW), ExitCode::kNeedsReview);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_CONFLICT), ExitCode::kNotRun);
  EXPECT_EQ(ExitCodeOf(v1::DISPOSITION_INVALID), ExitCode::kNotRun);
  EXPECT_EQ(ExitCodeOf(static_cast<v1::Disposition>(99)), ExitCode::kServerError);
}

TEST(ExitCodeTest, NoAnswerIsNotTheSameAsARefusal) {
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), ExitCode::kServerError);
}

}  // namespace
}  // namespace onetake
