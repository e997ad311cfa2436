// kill -9 at chosen and at random places: what was answered is there, and recovery is idempotent.
// A killed process keeps the page cache, so this says nothing about power loss.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "absl/strings/numbers.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::Success;

constexpr char kPathVariable[] = "ONETAKE_TEST_LEDGER";

// The child: claims intent after intent, settles the even ones, and says so on standard output
// after each answer ("c7", "s8"). Runs until it is killed.
TEST(LedgerCrashChild, DISABLED_Run) {
  const char* path = std::getenv(kPathVariable);
  ASSERT_NE(path, nullptr);
  SystemClock clock;
  SqliteLedger::Options options;
  options.path = path;
  options.threading = SqliteLedger::Threading::kManual;
  auto opened = SqliteLedger::Open(std::move(options), clock);
  ASSERT_THAT(opened, IsOk());
  SqliteLedger& ledger = **opened;
  const auto say = [](const std::string& word) {
    ASSERT_EQ(write(STDOUT_FILENO, word.data(), word.size()), static_cast<ssize_t>(word.size()));
  };
  for (int n = 1; n < 10'000; ++n) {
    int64_t row = 0;
    ledger.Claim(MakeClaim(n), [&](absl::StatusOr<ClaimResult> result) {
      ASSERT_TRUE(result.ok() && result->granted);
      row = result->row;
      say(absl::StrCat("c", n, "\n"));
    });
    ledger.RunPending();
    if (n % 2 != 0) continue;
    ledger.Apply(Success(row, absl::StrCat("result", n)),
                 [&](const absl::StatusOr<Applied>& applied) {
                   ASSERT_THAT(applied, IsOk());
                   say(absl::StrCat("s", n, "\n"));
                 });
    ledger.RunPending();
  }
}

class LedgerCrashTest : public LedgerFixture {
 protected:
  struct Child {
    pid_t pid;
    int output;
  };
  // This program again, as the child.
  Child Spawn(const std::string& fail_point) {
    int pipe_ends[2];
    EXPECT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    const std::string path = Path();
    const pid_t pid = fork();
    if (pid == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      setenv(kPathVariable, path.c_str(), 1);
      setenv("ONETAKE_FAILPOINT", fail_point.c_str(), 1);
      execl("/proc/self/exe", "child", "--gtest_also_run_disabled_tests",
            "--gtest_filter=LedgerCrashChild.*", "--gtest_brief=1", nullptr);
      _exit(127);
    }
    close(pipe_ends[1]);
    return {pid, pipe_ends[0]};
  }

  // Reads the child's answers until it has said `enough` of them, then kills it; or until it dies.
  // What it says between is kept too.
  std::set<std::string> Answered(const Child& child, size_t enough) {
    std::string text;
    char buffer[4096];
    bool killed = false;
    for (;;) {
      const ssize_t size = read(child.output, buffer, sizeof(buffer));
      if (size <= 0) break;
      text.append(buffer, size);
      if (!killed && std::count(text.begin(), text.end(), '\n') > static_cast<int64_t>(enough)) {
        kill(child.pid, SIGKILL);
        killed = true;
      }
    }
    close(child.output);
    int status = 0;
    EXPECT_EQ(waitpid(child.pid, &status, 0), child.pid);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << text;
    std::set<std::string> words;
    for (size_t from = 0, to = 0; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
      words.insert(text.substr(from, to - from));
    return words;
  }

  void ExpectTold(const std::set<std::string>& answers) {
    OpenDefault();
    for (const std::string& answer : answers) {
      int n = 0;
      if (answer.empty() || !absl::SimpleAtoi(answer.substr(1), &n)) continue;  // gtest's own words
      const std::optional<IntentRecord> intent = Latest(absl::StrCat("intent", n));
      ASSERT_TRUE(intent.has_value()) << answer;
      if (answer[0] != 's') continue;
      EXPECT_EQ(intent->state, IntentState::kSucceeded);
      EXPECT_EQ(intent->result_json, absl::StrCat("result", n));
    }
    const absl::StatusOr<int64_t> marked = ledger_->MarkCrashed(At(9999));
    ASSERT_THAT(marked, IsOk());
    EXPECT_THAT(ledger_->MarkCrashed(At(9999)), IsOkAndHolds(0));
    ExpectAnEventForEveryChange();
    Close();
    auto db = Database::Open({Path(), Database::Access::kReader, ""});
    ASSERT_THAT(db, IsOk());
    EXPECT_THAT((*db)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
    EXPECT_THAT((*db)->QueryInt("SELECT count(*) FROM intents WHERE state = 'IN_FLIGHT'"),
                IsOkAndHolds(0));
  }

  void ExpectAnEventForEveryChange() {
    auto db = Database::Open({Path(), Database::Access::kReader, ""});
    ASSERT_THAT(db, IsOk());
    EXPECT_THAT((*db)->QueryInt("SELECT count(*) - max(seq) FROM events"), IsOkAndHolds(0));
    EXPECT_THAT((*db)->QueryInt("SELECT count(*) FROM intents i WHERE state != (SELECT to_state"
                                " FROM events e WHERE e.intent_row = i.intent_row"
                                " ORDER BY seq DESC LIMIT 1)"),
                IsOkAndHolds(0));
  }
};

TEST_F(LedgerCrashTest, WhatWasAnsweredSurvivesAKillAtAnyMoment) {
  for (const size_t enough : {1, 10, 37, 111}) {
    SCOPED_TRACE(enough);
    const std::set<std::string> answers = Answered(Spawn(""), enough);
    EXPECT_GT(answers.size(), enough);
    ExpectTold(answers);
    std::filesystem::remove(Path());
  }
}

TEST_F(LedgerCrashTest, TheLockIsFreeAfterAKill) {
  Answered(Spawn(""), 3);
  EXPECT_TRUE(std::filesystem::exists(Path() + ".lock"));
  OpenDefault();
}

class LedgerFailPointTest : public LedgerCrashTest,
                            public ::testing::WithParamInterface<const char*> {};

TEST_P(LedgerFailPointTest, LeavesNothingThatWasAnsweredBehind) {
#ifndef ONETAKE_FAILPOINTS
  GTEST_SKIP() << "fail points are not compiled in";
#endif
  ExpectTold(Answered(Spawn(GetParam()), SIZE_MAX / 2));
}

INSTANTIATE_TEST_SUITE_P(
    FailPoints, LedgerFailPointTest,
    ::testing::Values("store.before_migration_commit:1", "store.after_migration_commit:1",
                      "ledger.opened:1", "ledger.queued:3", "ledger.before_begin:4",
                      "ledger.after_job:1", "ledger.after_job:5", "ledger.before_commit:1",
                      "ledger.before_commit:6", "ledger.after_commit:1", "ledger.after_commit:6",
                      "ledger.before_wake:7", "ledger.after_wake:7", "ledger.before_checkpoint:1",
                      "ledger.after_checkpoint:1", "ledger.before_checkpoint:2"),
    [](const auto& info) {
      std::string name = info.param;
      for (char& c : name) {
        if (c == '.' || c == ':') c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace onetake
