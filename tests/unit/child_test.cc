// Real programs, watched over by a real loop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/system_clock.h"
#include "tests/testing/eventually.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tools/child/child_process.h"
#include "tools/child/supervisor.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

// What happened, in order, for whoever waits for it.
class Journal {
 public:
  void Add(std::string entry) {
    absl::MutexLock lock(&mutex_);
    entries_.push_back(std::move(entry));
  }
  std::vector<std::string> Await(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return entries_.size() >= count;
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience));
    return entries_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> entries_ ABSL_GUARDED_BY(mutex_);
};

class ChildProcessTest : public ::testing::Test {
 protected:
  ChildProcessTest() {
    signal(SIGPIPE, SIG_IGN);  // as onetaked does
    loop_.Start();
  }
  ~ChildProcessTest() override {
    OnLoop([this] { child_.reset(); });
    loop_.Stop();
  }
  void OnLoop(absl::AnyInvocable<void()> task) {
    absl::Notification done;
    loop_.Post([&] {
      task();
      done.Notify();
    });
    done.WaitForNotification();
  }
  absl::Status Run(std::vector<std::string> command, ChildProcess::Options options = {}) {
    options.command = std::move(command);
    options.on_line = [this](std::string line) { journal_.Add(std::move(line)); };
    options.on_exit = [this](std::string how) { journal_.Add("gone: " + how); };
    options.on_closed = [this](const std::string& what) { journal_.Add(what); };
    absl::Status status;
    OnLoop([&] {
      auto child = ChildProcess::Start(loop_, std::move(options));
      status = child.status();
      if (child.ok()) child_ = *std::move(child);
    });
    return status;
  }
  absl::Status Shell(const std::string& script, ChildProcess::Options options = {}) {
    return Run({"/bin/sh", "-c", script}, std::move(options));
  }

  EventLoop loop_;
  Journal journal_;
  std::unique_ptr<ChildProcess> child_;
};

TEST_F(ChildProcessTest, ItsLinesComeInOrderAndThenItsEnd) {
  ASSERT_THAT(Shell("echo one; printf 'two\\r\\n'; printf 'no newline'; exit 3"), IsOk());
  EXPECT_THAT(journal_.Await(3), ElementsAre("one", "two", "gone: exit status 3"));
}

TEST_F(ChildProcessTest, MuchOutputRightBeforeItsEndIsNotLost) {
  constexpr size_t kLines = 100'000;
  ASSERT_THAT(Shell("seq 1 100000"), IsOk());
  const std::vector<std::string> lines = journal_.Await(kLines + 1);
  ASSERT_EQ(lines.size(), kLines + 1);
  for (size_t i = 0; i < kLines; ++i) ASSERT_EQ(lines[i], std::to_string(i + 1));
}

TEST_F(ChildProcessTest, ItGetsOnlyTheEnvironmentItIsGivenAndNoDescriptorOfOurs) {
  ASSERT_THAT(Shell("env | grep -v ^PWD= | grep -v ^SHLVL= | grep -v ^_= | sort; ls /proc/self/fd",
                    {.environment = {"PATH=/usr/bin:/bin", "A=b"}}),
              IsOk());
  // `ls` opens one for the folder.
  EXPECT_THAT(journal_.Await(7),
              ElementsAre("A=b", "PATH=/usr/bin:/bin", "0", "1", "2", "3", "gone: exit status 0"));
}

TEST_F(ChildProcessTest, WhatIsWrittenIsItsInput) {
  ASSERT_THAT(Run({"/bin/cat"}), IsOk());
  OnLoop([this] {
    EXPECT_TRUE(child_->Write("one\ntw"));
    EXPECT_TRUE(child_->Write("o\n"));
  });
  EXPECT_THAT(journal_.Await(2), ElementsAre("one", "two"));
  OnLoop([this] { child_->Stop(absl::Seconds(20)); });
  EXPECT_THAT(journal_.Await(3)[2], HasSubstr("gone: "));
}

TEST_F(ChildProcessTest, AChildThatDoesNotReadIsNotFedWithoutEnd) {
  ASSERT_THAT(Run({"/bin/sleep", "60"}), IsOk());
  OnLoop([this] {
    const std::string megabyte(1024 * 1024, 'x');
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(child_->Write(megabyte));
    EXPECT_FALSE(child_->Write(megabyte));
  });
}

// A pipe takes a part of it at once, and that this is done is told in a later turn.
TEST_F(ChildProcessTest, NothingIsWrittenForOneThatIsGone) {
  ASSERT_THAT(Run({"/bin/sleep", "60"}), IsOk());
  std::vector<std::unique_ptr<char[]>> in_its_place;
  OnLoop([&] {
    EXPECT_TRUE(child_->Write(std::string(1024 * 1024, 'x')));
    child_.reset();
    for (int i = 0; i < 100; ++i) {
      in_its_place.push_back(std::make_unique<char[]>(sizeof(ChildProcess)));
      std::memset(in_its_place.back().get(), 0xA5, sizeof(ChildProcess));
    }
  });
  OnLoop([] {});
}

TEST_F(ChildProcessTest, WhatStillWaitsCanBeTakenBack) {
  ASSERT_THAT(Run({"/bin/cat"}), IsOk());
  OnLoop([this] {
    // More than a pipe holds, so that what follows waits.
    const auto first = child_->Write(std::string(128 * 1024, '\n'));
    const auto second = child_->Write("two\n");
    ASSERT_TRUE(first.has_value() && second.has_value());
    EXPECT_FALSE(child_->TakeBack(*first)) << "a part of it is written";
    EXPECT_TRUE(child_->TakeBack(*second));
    EXPECT_FALSE(child_->TakeBack(*second));
    EXPECT_TRUE(child_->Write("three\n"));
  });
  EXPECT_EQ(journal_.Await(128 * 1024 + 1).back(), "three");
}

TEST_F(ChildProcessTest, ALineWithoutEndEndsTheChild) {
  ASSERT_THAT(Shell("yes | tr -d '\\n'"), IsOk());
  EXPECT_THAT(journal_.Await(1),
              ElementsAre("gone: a line of its output is longer than 65536 bytes"));
}

TEST_F(ChildProcessTest, ALongLineMayBeCutInstead) {
  ASSERT_THAT(Shell("echo one; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo three",
                    {.line_bytes = 10, .long_line = ChildProcess::Options::LongLine::kIsCut}),
              IsOk());
  EXPECT_THAT(journal_.Await(4), ElementsAre("one", "xxxxxxxxxx", "three", "gone: exit status 0"));
}

TEST_F(ChildProcessTest, OneThatClosesItsOutputAndLivesIsTold) {
  ASSERT_THAT(Shell("echo one; exec >&-; exec sleep 600"), IsOk());
  EXPECT_THAT(journal_.Await(2), ElementsAre("one", "it has closed its standard output"));
}

TEST_F(ChildProcessTest, OneThatClosesItsInputAndLivesIsToldAndWhatItHasReadOfIsNotTakenBack) {
  ASSERT_THAT(Shell("head -c 1 >&2; exec <&-; exec sleep 600"), IsOk());
  std::optional<uint64_t> first;
  std::optional<uint64_t> second;
  OnLoop([&] {
    first = child_->Write(std::string(1024 * 1024, 'x'));
    second = child_->Write("two\n");
    ASSERT_TRUE(first.has_value() && second.has_value());
  });
  EXPECT_THAT(journal_.Await(1), ElementsAre("it has closed its standard input"));
  OnLoop([&] {
    EXPECT_FALSE(child_->TakeBack(*first));
    EXPECT_TRUE(child_->TakeBack(*second));
    EXPECT_EQ(child_->Write("three\n"), std::nullopt);
  });
}

TEST_F(ChildProcessTest, WhoIgnoresSigtermIsKilledAfterTheGrace) {
  ASSERT_THAT(Shell("trap '' TERM; echo ready; while true; do sleep 1; done"), IsOk());
  journal_.Await(1);
  OnLoop([this] { child_->Stop(absl::Milliseconds(20)); });
  EXPECT_THAT(journal_.Await(2), ElementsAre("ready", "gone: signal 9"));
}

TEST_F(ChildProcessTest, NothingOfItsGroupIsLeft) {
  ASSERT_THAT(Shell("sleep 600 & echo $!; wait"), IsOk());
  const pid_t grandchild = std::stoi(journal_.Await(1)[0]);
  OnLoop([this] { child_.reset(); });
  // A zombie until init has reaped it.
  const auto is_dead = [grandchild] {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string pid;
    std::string name;
    std::string state = "gone";
    stat >> pid >> name >> state;
    return state == "gone" || state == "Z" || state == "X";
  };
  EXPECT_TRUE(Eventually(is_dead));
}

TEST_F(ChildProcessTest, StandardErrorIsAppendedToTheFile) {
  TempDir dir;
  const std::string path = dir.Path("log");
  std::ofstream(path) << "before\n";
  ASSERT_THAT(Shell("echo oops >&2", {.log_file = path}), IsOk());
  journal_.Await(1);
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text, "before\noops\n");
}

TEST_F(ChildProcessTest, AProgramThatIsNotThereIsSaidAtOnce) {
  EXPECT_THAT(Run({"/nonexistent/plugin"}),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/nonexistent/plugin: No such file or directory")));
  EXPECT_THAT(Run({"/bin/true"}, {.log_file = "/nonexistent/log"}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("log_file /nonexistent/log")));
}

TEST(RestartPauseTest, DoublesUpToTheCapAndLeavesHalfOfItToChance) {
  constexpr absl::Duration kBase = absl::Milliseconds(200);
  constexpr absl::Duration kCap = absl::Seconds(30);
  SimRandom random(7);
  for (const auto& [failures, longest_ms] : std::initializer_list<std::pair<int, int>>{
           {1, 200}, {2, 400}, {3, 800}, {8, 25'600}, {9, 30'000}, {1000, 30'000}}) {
    absl::Duration least = kCap;
    absl::Duration most = absl::ZeroDuration();
    for (int i = 0; i < 200; ++i) {
      const absl::Duration pause = RestartPause(failures, kBase, kCap, random);
      least = std::min(least, pause);
      most = std::max(most, pause);
    }
    const absl::Duration longest = absl::Milliseconds(longest_ms);
    EXPECT_GE(least, longest / 2) << failures;
    EXPECT_LE(most, longest) << failures;
    EXPECT_GT(most - least, longest / 4) << failures;
  }
}

TEST(SupervisorTest, StartsItsProgramAgainAndAsksForTheEnvironmentEachTime) {
  EventLoop loop;
  SystemClock clock;
  SimRandom random(7);
  Journal journal;
  int starts = 0;
  auto supervisor = std::make_unique<Supervisor>(
      loop, clock, random,
      Supervisor::Options{
          .name = "test",
          .command = {"/bin/sh", "-c", "echo run $N; [ $N = 3 ] && exec sleep 600; exit $N"},
          .environment = [&starts]() -> absl::StatusOr<std::vector<std::string>> {
            if (++starts == 2) return absl::FailedPreconditionError("secret env X is not set");
            return std::vector<std::string>{"PATH=/usr/bin:/bin", "N=" + std::to_string(starts)};
          },
          .on_start = [&journal] { journal.Add("started"); },
          .on_line = [&journal](std::string line) { journal.Add(std::move(line)); },
          .on_down = [&journal](const std::string& how) { journal.Add("down: " + how); },
          .base = absl::Milliseconds(1),
          .cap = absl::Milliseconds(5)});
  loop.Start();
  loop.Post([&] { supervisor->Start(); });
  EXPECT_THAT(journal.Await(6), ElementsAre("started", "run 1", "down: exit status 1",
                                            "down: secret env X is not set", "started", "run 3"));
  absl::Notification gone;
  pid_t pid = 0;
  loop.Post([&] {
    pid = supervisor->child()->pid();
    supervisor.reset();
    gone.Notify();
  });
  gone.WaitForNotification();
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  loop.Stop();
}

}  // namespace
}  // namespace onetake::testing
