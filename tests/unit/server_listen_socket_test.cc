#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/server/listen_socket.h"
#include "tests/testing/raw_peer.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ListenSocketTest : public ::testing::Test {
 protected:
  // A socket of somebody else at our path.
  int BindAtPath(int type) const {
    const int other = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    const sockaddr_un at = AtPath();
    EXPECT_EQ(bind(other, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    return other;
  }
  // The error of a connect(2) that does not wait.
  int ErrorOfConnect() const {
    const int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const sockaddr_un at = AtPath();
    const bool connects = connect(peer, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
    const int error = connects ? 0 : errno;
    close(peer);
    return error;
  }
  void ExpectTaken() const {
    EXPECT_THAT(ListenSocket::Open(address_), StatusIs(absl::StatusCode::kUnavailable,
                                                       HasSubstr("is another onetaked running?")));
    EXPECT_TRUE(std::filesystem::exists(path_));
  }

  const TempDir folder_;
  const std::string path_ = folder_.Path("o.sock");
  const std::string address_ = "unix:" + path_;

 private:
  sockaddr_un AtPath() const {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path_.data(), path_.size());
    return at;
  }
};

TEST_F(ListenSocketTest, SaysThePortThatWasBound) {
  const auto four = ListenSocket::Open("127.0.0.1:0");
  ASSERT_THAT(four, IsOk());
  EXPECT_THAT((*four)->address(), MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_EQ(RawPeer((*four)->address()).error(), 0);
  const auto six = ListenSocket::Open("[::1]:0");
  ASSERT_THAT(six, IsOk());
  EXPECT_THAT((*six)->address(), MatchesRegex("\\[::1\\]:[1-9][0-9]*"));
  EXPECT_EQ(RawPeer((*six)->address()).error(), 0);
}

TEST_F(ListenSocketTest, AllOfIpv6IsAllOfIpv4Too) {
  const auto all = ListenSocket::Open("[::]:0");
  ASSERT_THAT(all, IsOk());
  const std::string port = (*all)->address().substr((*all)->address().rfind(':'));
  EXPECT_EQ(RawPeer("[::1]" + port).error(), 0);
  EXPECT_EQ(RawPeer("127.0.0.1" + port).error(), 0);
}

TEST_F(ListenSocketTest, APortThatIsTakenIsAnError) {
  const auto first = ListenSocket::Open("127.0.0.1:0");
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(ListenSocket::Open((*first)->address()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("is another onetaked running?")));
}

TEST_F(ListenSocketTest, AUnixSocketsFileGoesWithIt) {
  {
    const auto socket = ListenSocket::Open(address_);
    ASSERT_THAT(socket, IsOk());
    EXPECT_EQ((*socket)->address(), address_);
    EXPECT_EQ(RawPeer(address_).error(), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenSocketTest, ReplacesWhatAKilledServerLeft) {
  close(BindAtPath(SOCK_STREAM));
  const auto socket = ListenSocket::Open(address_);
  ASSERT_THAT(socket, IsOk());
  EXPECT_EQ(RawPeer(address_).error(), 0);
}

TEST_F(ListenSocketTest, DoesNotTakeThePlaceOfAServerThatLives) {
  const auto first = ListenSocket::Open(address_);
  ASSERT_THAT(first, IsOk());
  ExpectTaken();
  EXPECT_EQ(RawPeer(address_).error(), 0);
}

TEST_F(ListenSocketTest, DoesNotTakeThePlaceOfAServerThatIsTooBusyToTakeAConnection) {
  const int busy = BindAtPath(SOCK_STREAM);
  ASSERT_EQ(listen(busy, 0), 0);
  const RawPeer waiting(address_);  // there is room for one
  ASSERT_EQ(ErrorOfConnect(), EAGAIN);
  ExpectTaken();
  close(busy);
}

TEST_F(ListenSocketTest, DoesNotTakeThePlaceOfASocketOfAnotherKind) {
  const int datagrams = BindAtPath(SOCK_DGRAM);
  ASSERT_EQ(ErrorOfConnect(), EPROTOTYPE);
  ExpectTaken();
  close(datagrams);
}

TEST_F(ListenSocketTest, DoesNotRemoveTheFileOfItsSuccessor) {
  auto first = ListenSocket::Open(address_);
  ASSERT_THAT(first, IsOk());
  std::filesystem::remove(path_);
  const auto second = ListenSocket::Open(address_);
  ASSERT_THAT(second, IsOk());
  first->reset();
  EXPECT_EQ(RawPeer(address_).error(), 0);
}

TEST_F(ListenSocketTest, DoesNotReplaceAFileThatIsNoSocket) {
  std::ofstream(path_) << "notes";
  EXPECT_THAT(ListenSocket::Open(address_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cannot listen on")));
  EXPECT_EQ(std::filesystem::file_size(path_), 5);
}

TEST_F(ListenSocketTest, AMissingFolderIsNamed) {
  EXPECT_THAT(ListenSocket::Open("unix:" + folder_.Path("none/o.sock")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("make its folder first")));
}

}  // namespace
}  // namespace onetake::testing
