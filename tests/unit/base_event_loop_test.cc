#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "runtime/base/event_loop.h"

namespace onetake {
namespace {

using ::testing::ElementsAre;

// Runs `task` on the loop and waits for its end.
void RunOn(EventLoop& loop, Task task) {
  absl::Notification done;
  loop.Post([&] {
    task();
    done.Notify();
  });
  done.WaitForNotification();
}

TEST(EventLoopTest, RunsPostedTasksInTheOrderOfOneThread) {
  EventLoop loop;
  loop.Start();
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) loop.Post([&order, i] { order.push_back(i); });
  RunOn(loop, [] {});
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(EventLoopTest, LosesNoTaskOfManyThreads) {
  EventLoop loop;
  loop.Start();
  int count = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) loop.Post([&count] { ++count; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  RunOn(loop, [] {});
  EXPECT_EQ(count, 2000);
}

TEST(EventLoopTest, TasksPostedBeforeTheStartRunAfterIt) {
  EventLoop loop;
  absl::Notification ran;
  loop.Post([&] { ran.Notify(); });
  loop.Start();
  ran.WaitForNotification();
}

TEST(EventLoopTest, KnowsItsOwnThreadFromTheFirstTask) {
  EventLoop loop;
  bool in_loop = false;
  absl::Notification ran;
  loop.Post([&] {
    in_loop = loop.InLoop();
    ran.Notify();
  });
  loop.Start();
  ran.WaitForNotification();
  EXPECT_TRUE(in_loop);
  EXPECT_FALSE(loop.InLoop());
}

TEST(EventLoopTest, TimersFireInTheOrderTheyFallDue) {
  EventLoop loop;
  loop.Start();
  std::vector<int> order;
  absl::Notification done;
  loop.Post([&] {
    loop.RunAfter(absl::Milliseconds(30), [&] {
      order.push_back(3);
      done.Notify();
    });
    loop.RunAfter(absl::Milliseconds(20), [&] { order.push_back(2); });
    loop.RunAfter(-absl::Seconds(5), [&] { order.push_back(1); });
  });
  done.WaitForNotification();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(EventLoopTest, ATimerNeverFiresEarly) {
  EventLoop loop;
  loop.Start();
  const auto begin = std::chrono::steady_clock::now();
  absl::Notification done;
  loop.Post([&] { loop.RunAfter(absl::Milliseconds(15), [&] { done.Notify(); }); });
  done.WaitForNotification();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(15));
}

TEST(EventLoopTest, AnInfiniteDelayIsNotAnImmediateOne) {
  EventLoop loop;
  loop.Start();
  bool fired = false;
  absl::Notification later;
  loop.Post([&] {
    loop.RunAfter(absl::InfiniteDuration(), [&] { fired = true; });
    loop.RunAfter(absl::Milliseconds(5), [&] { later.Notify(); });
  });
  later.WaitForNotification();
  RunOn(loop, [&] { EXPECT_FALSE(fired); });
}

TEST(EventLoopTest, ACancelledTimerStaysSilentAndItsTaskIsDestroyedAtOnce) {
  EventLoop loop;
  loop.Start();
  bool fired = false;
  bool destroyed_at_once = false;
  absl::Notification later;
  loop.Post([&] {
    auto held = std::make_shared<int>(0);
    std::weak_ptr<int> watch = held;
    const auto id = loop.RunAfter(absl::Milliseconds(1), [&fired, held] { fired = true; });
    held.reset();
    loop.Cancel(id);
    destroyed_at_once = watch.expired();
    loop.Cancel(id);
    loop.Cancel(Scheduler::TimerId::kNone);
    loop.RunAfter(absl::Milliseconds(10), [&] { later.Notify(); });
  });
  later.WaitForNotification();
  EXPECT_FALSE(fired);
  EXPECT_TRUE(destroyed_at_once);
}

TEST(EventLoopTest, ATimerCancelledByOneThatFellDueWithItStaysSilent) {
  EventLoop loop;
  loop.Start();
  bool fired = false;
  absl::Notification later;
  loop.Post([&] {
    auto second = std::make_shared<Scheduler::TimerId>(Scheduler::TimerId::kNone);
    loop.RunAfter(absl::ZeroDuration(), [&loop, second] { loop.Cancel(*second); });
    *second = loop.RunAfter(absl::ZeroDuration(), [&fired] { fired = true; });
    // Both are overdue when the loop looks next.
    const auto overdue = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < overdue) {
    }
    loop.RunAfter(absl::Milliseconds(5), [&] { later.Notify(); });
  });
  later.WaitForNotification();
  EXPECT_FALSE(fired);
}

TEST(EventLoopTest, ATimerMayCancelItselfAndStartAnother) {
  EventLoop loop;
  loop.Start();
  absl::Notification done;
  loop.Post([&] {
    auto self = std::make_shared<Scheduler::TimerId>(Scheduler::TimerId::kNone);
    *self = loop.RunAfter(absl::ZeroDuration(), [&, self] {
      loop.Cancel(*self);
      loop.RunAfter(absl::ZeroDuration(), [&] { done.Notify(); });
    });
  });
  done.WaitForNotification();
}

TEST(EventLoopTest, StopIsIdempotentAndLeavesTheRestUnrun) {
  EventLoop loop;
  loop.Stop();
  bool ran = false;
  loop.Post([&] { ran = true; });
  loop.Stop();
  EXPECT_FALSE(ran);
}

// A task whose captures use the loop while they are destroyed, as an operation that cancels its
// timeout does.
class CancelsOnDestruction {
 public:
  CancelsOnDestruction(EventLoop& loop, Scheduler::TimerId timer) : loop_(&loop), timer_(timer) {}
  CancelsOnDestruction(CancelsOnDestruction&& other) noexcept
      : loop_(std::exchange(other.loop_, nullptr)), timer_(other.timer_) {}
  ~CancelsOnDestruction() {
    if (loop_ == nullptr) return;
    loop_->Cancel(timer_);
    loop_->Post([] {});
  }
  void operator()() {}

 private:
  EventLoop* loop_;
  Scheduler::TimerId timer_;
};

TEST(EventLoopTest, TasksLeftOverMayUseTheLoopWhileTheyAreDestroyed) {
  auto loop = std::make_unique<EventLoop>();
  loop->Start();
  RunOn(*loop, [&] {
    auto first = loop->RunAfter(absl::Hours(1), [] {});
    auto second = loop->RunAfter(absl::Hours(1), CancelsOnDestruction(*loop, first));
    loop->RunAfter(absl::Hours(1), CancelsOnDestruction(*loop, second));
  });
  loop->Stop();
  loop->Post(CancelsOnDestruction(*loop, Scheduler::TimerId::kNone));
  loop.reset();
}

TEST(EventLoopDeathTest, StoppingFromATaskIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        EventLoop loop;
        loop.Start();
        RunOn(loop, [&] { loop.Stop(); });
      },
      "check failed");
}

}  // namespace
}  // namespace onetake
