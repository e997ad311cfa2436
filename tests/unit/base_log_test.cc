#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "runtime/base/check.h"
#include "runtime/base/line_writer.h"
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

// A pipe that holds two pages of 4,096 bytes and that nobody reads until Read().
class Pipe {
 public:
  Pipe() {
    ONETAKE_CHECK(pipe2(ends_, O_CLOEXEC) == 0);
    ONETAKE_CHECK(fcntl(ends_[1], F_SETPIPE_SZ, 8192) == 8192);
    ONETAKE_CHECK(fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
  }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int in() const { return ends_[1]; }
  // All that is in it.
  std::string Read() const {
    std::string all(8192, 0);
    const ssize_t got = read(ends_[0], all.data(), all.size());
    all.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return all;
  }

 private:
  int ends_[2];
};

TEST(LineWriterTest, WhatNobodyReadsIsDroppedUntilSomebodyDoes) {
  const Pipe pipe;
  LineWriter lines(pipe.in(), absl::Milliseconds(1));
  const std::string line = std::string(8000, 'a') + "\n";
  EXPECT_TRUE(lines.Write(line));
  EXPECT_FALSE(lines.Write("dropped\n"));
  EXPECT_FALSE(lines.Write("dropped\n"));
  EXPECT_TRUE(pipe.Read() == line);
  EXPECT_TRUE(lines.Write("again\n"));
  EXPECT_EQ(pipe.Read(), "again\n");
}

TEST(LineWriterTest, ALineThatWasBegunIsEndedFirst) {
  const Pipe pipe;
  LineWriter lines(pipe.in(), absl::Milliseconds(1));
  const std::string line = std::string(18'000, 'a') + "\n";
  EXPECT_TRUE(lines.Write(line));
  std::string all = pipe.Read();
  EXPECT_FALSE(lines.Write("dropped\n"));
  all += pipe.Read();
  EXPECT_TRUE(lines.Write("next\n"));
  all += pipe.Read();
  EXPECT_TRUE(all == line + "next\n") << all.size();
}

TEST(LineWriterTest, ADescriptorThatIsClosedTakesNothing) {
  EXPECT_FALSE(LineWriter(-1, absl::Milliseconds(1)).Write("a\n"));
}

TEST(LogTest, SaysHowManyLinesWereDropped) {
  const Pipe pipe;
  const int before = dup(STDERR_FILENO);
  ASSERT_EQ(dup2(pipe.in(), STDERR_FILENO), STDERR_FILENO);
  const std::string text(8000, 'a');
  const int64_t dropped = DroppedLogLines();
  DropUnreadLogLines(absl::Milliseconds(1));
  Log(LogLevel::kInfo, "kept", {{LogField::kError, text}});
  Log(LogLevel::kInfo, "dropped", {});
  Log(LogLevel::kInfo, "dropped", {});
  const std::string first = pipe.Read();
  Log(LogLevel::kInfo, "again", {});
  const std::string then = pipe.Read();
  DropUnreadLogLines(absl::InfiniteDuration());
  dup2(before, STDERR_FILENO);
  close(before);
  EXPECT_THAT(first, ::testing::HasSubstr(R"("event":"kept")"));
  const std::vector<std::string> lines = absl::StrSplit(then, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  const auto note = nlohmann::json::parse(lines[0], nullptr, false);
  EXPECT_EQ(note["event"], "log.dropped");
  EXPECT_EQ(note["level"], "warning");
  EXPECT_EQ(note["count"], 2);
  EXPECT_THAT(lines[1], ::testing::HasSubstr(R"("event":"again")"));
  EXPECT_EQ(DroppedLogLines(), dropped + 2);
}

}  // namespace
}  // namespace onetake
