#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "absl/synchronization/notification.h"
#include "runtime/base/event_loop.h"
#include "tests/testing/status_matchers.h"
#include "tools/http/host_resolver.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;

class StillClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + Elapsed(); }
  absl::Duration Elapsed() const override { return absl::Seconds(seconds.load()); }
  std::atomic<int> seconds{0};
};

const IpAddress kAddress = IpAddress::V4({8, 8, 8, 8});

class SystemResolverTest : public ::testing::Test {
 protected:
  SystemResolverTest() { loop.Start(); }
  ~SystemResolverTest() override { loop.Stop(); }

  void Use(SystemResolver::Lookup lookup) {
    resolver = std::make_unique<SystemResolver>(loop, clock, std::move(lookup));
  }

  // On the loop; waits for the answer.
  HostResolver::Addresses Ask(const std::string& host) {
    HostResolver::Addresses answer;
    absl::Notification done;
    loop.Post([&] {
      resolver->Resolve(host, [&](const HostResolver::Addresses& addresses) {
        answer = addresses;
        done.Notify();
      });
    });
    done.WaitForNotification();
    return answer;
  }

  StillClock clock;
  EventLoop loop;
  std::unique_ptr<SystemResolver> resolver;
};

TEST_F(SystemResolverTest, TakesAnAnswerAgainForAMinuteAndAFailureNever) {
  std::atomic<int> asked{0};
  Use([&](const std::string&) -> HostResolver::Addresses {
    if (++asked == 1) return absl::UnavailableError("no");
    return std::vector{kAddress};
  });
  EXPECT_FALSE(Ask("a.test").ok());
  EXPECT_THAT(*Ask("a.test"), ElementsAre(kAddress));
  clock.seconds = 59;
  EXPECT_THAT(*Ask("a.test"), ElementsAre(kAddress));
  EXPECT_EQ(asked, 2);
  clock.seconds = 61;
  EXPECT_THAT(*Ask("a.test"), ElementsAre(kAddress));
  EXPECT_EQ(asked, 3);
  EXPECT_THAT(*Ask("b.test"), ElementsAre(kAddress));
  EXPECT_EQ(asked, 4);
}

TEST_F(SystemResolverTest, WhoAsksForTheSameNameMeanwhileWaitsForThatAnswer) {
  std::atomic<int> asked{0};
  absl::Notification go;
  Use([&](const std::string&) -> HostResolver::Addresses {
    ++asked;
    go.WaitForNotification();
    return std::vector{kAddress};
  });
  std::atomic<int> answered{0};
  absl::Notification both;
  loop.Post([&] {
    for (int i = 0; i < 2; ++i) {
      resolver->Resolve("a.test", [&](const HostResolver::Addresses& addresses) {
        EXPECT_THAT(addresses, IsOk());
        if (++answered == 2) both.Notify();
      });
    }
    go.Notify();
  });
  both.WaitForNotification();
  EXPECT_EQ(asked, 1);
}

TEST_F(SystemResolverTest, ANameThatHangsHoldsUpNoOther) {
  // The resolver's thread may come to it when this test has ended.
  const auto go = std::make_shared<absl::Notification>();
  Use([go](const std::string& host) -> HostResolver::Addresses {
    if (host == "slow.test") go->WaitForNotification();
    return std::vector{kAddress};
  });
  loop.Post([&] { resolver->Resolve("slow.test", [](const HostResolver::Addresses&) {}); });
  EXPECT_THAT(*Ask("a.test"), ElementsAre(kAddress));
  EXPECT_THAT(*Ask("b.test"), ElementsAre(kAddress));
  go->Notify();
}

TEST_F(SystemResolverTest, NobodyIsAnsweredByAResolverThatIsGone) {
  Use([](const std::string&) -> HostResolver::Addresses { return std::vector{kAddress}; });
  std::atomic<int> answered{0};
  absl::Notification gone;
  loop.Post([&] {
    resolver->Resolve("a.test", [&](const HostResolver::Addresses&) { ++answered; });
    resolver.reset();
    gone.Notify();
  });
  gone.WaitForNotification();
  loop.Stop();
  EXPECT_EQ(answered, 0);
}

TEST_F(SystemResolverTest, TheSystemKnowsThisMachine) {
  resolver = std::make_unique<SystemResolver>(loop, clock);
  EXPECT_THAT(Ask("localhost"), IsOk());
}

}  // namespace
}  // namespace onetake::testing
