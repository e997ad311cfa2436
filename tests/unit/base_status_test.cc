#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "runtime/base/status.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::Eq;

struct Case {
  std::string name;
  ErrorDetail detail;
};
class ErrorDetailTest : public ::testing::TestWithParam<Case> {};

TEST_P(ErrorDetailTest, ComesBackAsItWasGiven) {
  const ErrorDetail& wanted = GetParam().detail;
  const absl::Status status = WithDetail(absl::InvalidArgumentError("no"), wanted);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, Eq("no")));
  const auto found = GetDetail(status);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->reason, wanted.reason);
  EXPECT_EQ(found->field, wanted.field);
  EXPECT_EQ(found->safe_to_resend, wanted.safe_to_resend);
  EXPECT_EQ(found->retry_after_ms, wanted.retry_after_ms);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ErrorDetailTest,
    ::testing::Values(Case{"Empty", {}},  //
                      Case{"Full", {"TOOL_CALL_ID_REUSED", "tool_call_id", true, 1500}},
                      Case{"LongWait", {"DRAINING", "", true, std::numeric_limits<int64_t>::max()}},
                      Case{"FieldNamesAKeyOfTheCaller",
                           {"ATTRIBUTE_TOO_LONG", "attributes[a\nb\n1]", false, 0}}),
    [](const auto& info) { return info.param.name; });

TEST(ErrorDetailTest, IsAbsentWhereNoneWasGivenOrAnotherPayloadIs) {
  EXPECT_FALSE(GetDetail(absl::OkStatus()).has_value());
  absl::Status status = absl::InternalError("x");
  EXPECT_FALSE(GetDetail(status).has_value());
  for (const char* garbage : {"", "1\n2", "1\nx\nREASON\nfield"}) {
    status.SetPayload("onetake/error-detail", absl::Cord(garbage));
    EXPECT_FALSE(GetDetail(status).has_value()) << garbage;
  }
}

TEST(AnnotateTest, PutsContextBeforeTheMessageAndKeepsCodeAndDetail) {
  const absl::Status inner = WithDetail(absl::NotFoundError("no such tool"), {"TOOL", "tool"});
  const absl::Status outer = Annotate(inner, "loading book.yaml");
  EXPECT_THAT(outer, StatusIs(absl::StatusCode::kNotFound, Eq("loading book.yaml: no such tool")));
  ASSERT_TRUE(GetDetail(outer).has_value());
  EXPECT_EQ(GetDetail(outer)->reason, "TOOL");
  EXPECT_THAT(Annotate(absl::OkStatus(), "x"), IsOk());
}

struct HoldsStatus {
  absl::Status status_;
  // The macro must not shadow a member called status_.
  absl::Status Check() {
    ONETAKE_RETURN_IF_ERROR(status_);
    return absl::AlreadyExistsError("went on");
  }
};

TEST(ReturnIfErrorTest, ReturnsTheErrorOrGoesOn) {
  EXPECT_THAT(HoldsStatus{absl::AbortedError("a")}.Check(),
              StatusIs(absl::StatusCode::kAborted, Eq("a")));
  EXPECT_THAT(HoldsStatus{}.Check(), StatusIs(absl::StatusCode::kAlreadyExists, Eq("went on")));
}

absl::StatusOr<int> Length(absl::StatusOr<std::unique_ptr<std::string>> text) {
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<std::string> moved, std::move(text));
  return static_cast<int>(moved->size());
}

TEST(AssignOrReturnTest, MovesTheValueOutOrReturnsTheError) {
  EXPECT_THAT(Length(std::make_unique<std::string>("four")), IsOkAndHolds(4));
  EXPECT_THAT(Length(absl::DataLossError("gone")),
              StatusIs(absl::StatusCode::kDataLoss, Eq("gone")));
}

}  // namespace
}  // namespace onetake
