#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "runtime/base/system_clock.h"
#include "runtime/server/acceptor.h"
#include "tests/testing/eventually.h"
#include "tests/testing/raw_peer.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

class AcceptorTest : public ::testing::Test {
 protected:
  void Listen(const std::string& address, size_t most) {
    auto acceptor = Acceptor::Listen(address, most, clock_);
    ASSERT_THAT(acceptor, IsOk());
    acceptor_ = *std::move(acceptor);
    acceptor_->Start([this](int fd) {
      absl::MutexLock lock(&mutex_);
      taken_.push_back(fd);
    });
  }
  void TearDown() override {
    acceptor_.reset();
    for (const int fd : taken_) close(fd);
  }

  RawPeer Peer(const char* from = nullptr) { return RawPeer(acceptor_->address(), from); }
  // Once `count` connections were handed over, and no more.
  bool WereTaken(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&] { return taken_.size() >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience) && taken_.size() == count;
  }
  // As gRPC ends a connection.
  void End(size_t index) {
    absl::MutexLock lock(&mutex_);
    shutdown(taken_[index], SHUT_RDWR);
  }
  bool AreOpen(int64_t count) {
    return Eventually([&] { return acceptor_->stats().open == count; });
  }

  const SystemClock clock_{};
  const TempDir folder_;
  const std::string unix_ = "unix:" + folder_.Path("o.sock");
  absl::Mutex mutex_;
  std::vector<int> taken_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverWhatConnects) {
  for (const std::string& address : {std::string("127.0.0.1:0"), std::string("[::1]:0"), unix_}) {
    Listen(address, 10);
    const RawPeer peer = Peer();
    ASSERT_TRUE(WereTaken(1)) << address;
    peer.Send('x');
    pollfd arrives{taken_[0], POLLIN, 0};
    char byte = 0;
    EXPECT_EQ(poll(&arrives, 1, 60'000), 1) << address;
    EXPECT_EQ(recv(taken_[0], &byte, 1, MSG_DONTWAIT), 1) << address;
    EXPECT_EQ(byte, 'x');
    acceptor_.reset();
    close(taken_[0]);
    taken_.clear();
  }
}

TEST_F(AcceptorTest, TakesWhoCameBeforeItStarted) {
  auto acceptor = Acceptor::Listen(unix_, 10, clock_);
  ASSERT_THAT(acceptor, IsOk());
  acceptor_ = *std::move(acceptor);
  const RawPeer peer = Peer();
  EXPECT_EQ(peer.error(), 0);
  acceptor_->Start([this](int fd) {
    absl::MutexLock lock(&mutex_);
    taken_.push_back(fd);
  });
  EXPECT_TRUE(WereTaken(1));
}

TEST_F(AcceptorTest, OneTooManyIsClosedAtOnceAndOneThatEndsGivesItsPlace) {
  Listen(unix_, 2);
  const RawPeer first = Peer(), second = Peer();
  ASSERT_TRUE(WereTaken(2));
  EXPECT_TRUE(Peer().IsClosed());
  EXPECT_EQ(acceptor_->stats().refused, 1);
  EXPECT_EQ(acceptor_->stats().open, 2);
  End(0);
  EXPECT_TRUE(first.IsClosed());
  ASSERT_TRUE(AreOpen(1));
  const RawPeer third = Peer();
  EXPECT_TRUE(WereTaken(3));
  EXPECT_EQ(acceptor_->stats().refused, 1);
}

TEST_F(AcceptorTest, OneAddressHasAtMostHalf) {
  Listen("127.0.0.1:0", 4);
  const RawPeer first = Peer(), second = Peer();
  ASSERT_TRUE(WereTaken(2));
  EXPECT_TRUE(Peer().IsClosed());
  const RawPeer other = Peer("127.0.0.2"), another = Peer("127.0.0.2");
  ASSERT_TRUE(WereTaken(4));
  EXPECT_TRUE(Peer("127.0.0.3").IsClosed()) << "all places are taken";
  End(0);
  ASSERT_TRUE(AreOpen(3));
  EXPECT_TRUE(Peer("127.0.0.2").IsClosed()) << "it has its half";
  const RawPeer again = Peer();
  EXPECT_TRUE(WereTaken(5));
}

TEST_F(AcceptorTest, APeerThatResetsGivesItsPlace) {
  Listen("127.0.0.1:0", 2);
  RawPeer peer = Peer();
  ASSERT_TRUE(WereTaken(1));
  peer.Reset();
  EXPECT_TRUE(AreOpen(0));
}

TEST_F(AcceptorTest, WhatIsOpenStaysSoWhenThereMayBeLess) {
  Listen(unix_, 3);
  const RawPeer first = Peer(), second = Peer();
  ASSERT_TRUE(WereTaken(2));
  acceptor_->SetMost(1);
  EXPECT_TRUE(Peer().IsClosed());
  EXPECT_EQ(acceptor_->stats().open, 2);
  acceptor_->SetMost(3);
  const RawPeer third = Peer();
  EXPECT_TRUE(WereTaken(3));
}

TEST_F(AcceptorTest, ItsConnectionsAreAtMostAQuarterOfTheDescriptors) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{64, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  Listen(unix_, 1000);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<RawPeer> peers;
  for (int i = 0; i < 16; ++i) peers.push_back(Peer());
  EXPECT_TRUE(WereTaken(16));
  EXPECT_TRUE(Peer().IsClosed());
}

// gRPC's own listener is deaf after this.
TEST_F(AcceptorTest, WithoutDescriptorsOthersWaitUntilThereAreSome) {
  Listen(unix_, 100);
  const RawPeer first = Peer();
  ASSERT_TRUE(WereTaken(1));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);  // the peer's, made in time
  const int free = fcntl(next, F_DUPFD_CLOEXEC, 0);
  close(free);
  const rlimit none{static_cast<rlim_t>(free), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, unix_.data() + 5, unix_.size() - 5);
  EXPECT_EQ(connect(next, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
  EXPECT_TRUE(Eventually([&] { return acceptor_->stats().waits > 0; }));
  EXPECT_EQ(acceptor_->stats().open, 1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(WereTaken(2));
  const RawPeer last = Peer();
  EXPECT_TRUE(WereTaken(3));
  close(next);
}

TEST_F(AcceptorTest, OnceStoppedNobodyConnectsAndWhatIsOpenStaysSo) {
  Listen("127.0.0.1:0", 10);
  const RawPeer peer = Peer();
  ASSERT_TRUE(WereTaken(1));
  acceptor_->Stop();
  EXPECT_EQ(Peer().error(), ECONNREFUSED);
  peer.Send('x');
  pollfd arrives{taken_[0], POLLIN, 0};
  EXPECT_EQ(poll(&arrives, 1, 60'000), 1);
  acceptor_->Stop();
}

}  // namespace
}  // namespace onetake::testing
