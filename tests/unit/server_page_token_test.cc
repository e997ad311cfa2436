#include <gmock/gmock.h>

#include "onetake/v1/ledger.pb.h"
#include "runtime/base/status.h"
#include "runtime/server/page_token.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

v1::ListIntentsRequest Question(const std::string& tool) {
  v1::ListIntentsRequest question;
  question.set_tool(tool);
  return question;
}

constexpr absl::Time kTime = absl::FromUnixMicros(1'782'000'000'123'456);

TEST(PageTokenTest, LeadsBackToItsPlace) {
  const std::string token = MakePageToken(Question("book"), "t", {kTime, 42});
  EXPECT_THAT(token, MatchesRegex("[A-Za-z0-9_-]+"));
  const auto position = ReadPageToken(token, Question("book"), "t");
  ASSERT_THAT(position, IsOk());
  EXPECT_EQ(position->time, kTime);
  EXPECT_EQ(position->row, 42);
  EXPECT_EQ(ReadPageToken("", Question("book"), "t")->row, 0);
}

TEST(PageTokenTest, IsOfOneQuestionOnly) {
  const std::string token = MakePageToken(Question("book"), "t", {kTime, 42});
  const auto belongs_to_others =
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("belongs to other filters"));
  EXPECT_THAT(ReadPageToken(token, Question("cancel"), "t"), belongs_to_others);
  EXPECT_THAT(ReadPageToken(token, Question("book"), "u"), belongs_to_others);
  v1::ListCallsRequest calls;
  calls.set_tool("book");
  EXPECT_THAT(ReadPageToken(token, calls, "t"), belongs_to_others);
  EXPECT_EQ(GetDetail(ReadPageToken(token, calls, "t").status())->field, "page_token");
}

TEST(PageTokenTest, NonsenseIsRefused) {
  const std::string token = MakePageToken(Question("book"), "t", {kTime, 42});
  for (const std::string& nonsense :
       {std::string("x"), std::string("r17"), token + "AA", token.substr(1),
        std::string(10'000, 'A'), std::string("\xff\x00", 2),
        MakePageToken(Question("book"), "t", {kTime, -1})}) {
    EXPECT_THAT(ReadPageToken(nonsense, Question("book"), "t"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_token: ")))
        << nonsense;
  }
}

}  // namespace
}  // namespace onetake
