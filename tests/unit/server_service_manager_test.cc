#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/server/service_manager.h"

namespace onetake::testing {
namespace {

using ::testing::Eq;
using ::testing::Optional;

class ServiceManagerTest : public ::testing::Test {
 protected:
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }

  static std::optional<absl::Duration> Patience(const char* us, const std::string& pid) {
    setenv("WATCHDOG_USEC", us, 1);
    setenv("WATCHDOG_PID", pid.c_str(), 1);
    return ServiceManagerPatience();
  }
};

TEST_F(ServiceManagerTest, HearsWhatItIsTold) {
  // An abstract socket: it needs no folder and leaves no file.
  const std::string name = absl::StrCat("onetake-notify-", getpid());
  const int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(manager, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(bind(manager, reinterpret_cast<const sockaddr*>(&address), length), 0);
  setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  for (const std::string told : {"READY=1", "WATCHDOG=1"}) {
    TellServiceManager(told);
    char heard[100];
    const ssize_t size = recv(manager, heard, sizeof(heard), MSG_DONTWAIT);
    ASSERT_GT(size, 0);
    EXPECT_EQ(std::string(heard, static_cast<size_t>(size)), told);
  }
  close(manager);
}

TEST_F(ServiceManagerTest, WaitsForThisProcessAlone) {
  const std::string pid = absl::StrCat(getpid());
  EXPECT_THAT(Patience("30000000", pid), Optional(Eq(absl::Seconds(30))));
  EXPECT_EQ(Patience("30000000", absl::StrCat(getppid())), std::nullopt);
  EXPECT_EQ(Patience("30000000", "x"), std::nullopt);
  unsetenv("WATCHDOG_PID");
  EXPECT_THAT(ServiceManagerPatience(), Optional(Eq(absl::Seconds(30))));
}

TEST_F(ServiceManagerTest, WaitsForEverWhenItSaysNothingElse) {
  EXPECT_EQ(ServiceManagerPatience(), std::nullopt);
  for (const char* patience : {"", "0", "-1", "30s", "99999999999999999999"}) {
    EXPECT_EQ(Patience(patience, absl::StrCat(getpid())), std::nullopt) << patience;
  }
}

}  // namespace
}  // namespace onetake::testing
