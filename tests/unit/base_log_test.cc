#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "runtime/base/log.h"

namespace onetake {
namespace {

// What `write` logs, a parsed object a line; a line that is not JSON fails the test.
template <typename Write>
std::vector<nlohmann::json> Logged(Write write) {
  ::testing::internal::CaptureStderr();
  write();
  std::vector<nlohmann::json> lines;
  const std::string text = ::testing::internal::GetCapturedStderr();
  for (const absl::string_view view : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::string line(view);
    lines.push_back(nlohmann::json::parse(line, nullptr, false));
    EXPECT_FALSE(lines.back().is_discarded()) << line;
  }
  return lines;
}

TEST(LogTest, WritesOneJsonObjectALine) {
  const auto lines = Logged([] {
    Log(LogLevel::kWarning, "server.started",
        {{LogField::kAddress, "127.0.0.1:7171"}, {LogField::kCount, int64_t{3}}});
  });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["event"], "server.started");
  EXPECT_EQ(lines[0]["level"], "warning");
  EXPECT_EQ(lines[0]["address"], "127.0.0.1:7171");
  EXPECT_EQ(lines[0]["count"], 3);
  EXPECT_THAT(lines[0]["ts"].get<std::string>(),
              ::testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
}

TEST(LogTest, QuotesWhateverATextHolds) {
  const std::string hostile = "a\"b\\c\nd{}%v\x01\xff";
  const auto lines = Logged([&] { Log(LogLevel::kError, "x", {{LogField::kError, hostile}}); });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["error"], "a\"b\\c\nd{}%v\x01\xef\xbf\xbd");
}

TEST(LogTest, LeavesOutWhatIsBelowTheLevel) {
  const auto lines = Logged([] {
    SetLogLevel(LogLevel::kError);
    Log(LogLevel::kWarning, "hidden", {});
    Log(LogLevel::kError, "shown", {});
    SetLogLevel(LogLevel::kInfo);
    Log(LogLevel::kDebug, "hidden", {});
    Log(LogLevel::kInfo, "shown", {});
  });
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["event"], "shown");
  EXPECT_EQ(lines[1]["event"], "shown");
}

TEST(LogTest, LinesOfManyThreadsStayWhole) {
  const auto lines = Logged([] {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 50; ++i) {
          Log(LogLevel::kInfo, "x", {{LogField::kError, std::string(300, 'e')}});
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(lines.size(), 200u);
}

}  // namespace
}  // namespace onetake
