#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "runtime/server/socket_group.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SocketGroupTest : public ::testing::Test {
 protected:
  // As onetaked makes it, under its umask.
  void SetUp() override {
    const mode_t before = umask(077);
    socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ASSERT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    umask(before);
    ASSERT_EQ(Info().st_mode & 0077, 0);
  }
  ~SocketGroupTest() override { close(socket_); }

  struct stat Info() const {
    struct stat info = {};
    EXPECT_EQ(stat(path_.c_str(), &info), 0);
    return info;
  }

  TempDir dir_;
  const std::string path_ = dir_.Path("o.sock");
  int socket_ = -1;
};

TEST_F(SocketGroupTest, LetsItsMembersConnectAndNobodyElse) {
  const group* own = getgrgid(getegid());
  if (own == nullptr) GTEST_SKIP() << "this process's group has no name";
  EXPECT_THAT(ShareSocket(path_, own->gr_name), IsOk());
  EXPECT_EQ(Info().st_mode & 0777, 0660);
  EXPECT_EQ(Info().st_gid, getegid());
}

TEST_F(SocketGroupTest, AGroupThatIsNotThereIsNamed) {
  EXPECT_THAT(ShareSocket(path_, "no-such-group"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("listen_group"), HasSubstr("no-such-group"))));
  EXPECT_EQ(Info().st_mode & 0077, 0);
}

}  // namespace
}  // namespace onetake::testing
