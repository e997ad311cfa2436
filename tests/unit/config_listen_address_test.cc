#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/config/listen_address.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;

constexpr ListenAddress::Reach kMachine = ListenAddress::Reach::kMachine;
constexpr ListenAddress::Reach kNetwork = ListenAddress::Reach::kNetwork;

struct Accepted {
  std::string text;
  std::string address;
  ListenAddress::Reach reach;
};
class ListenAddressAcceptedTest : public ::testing::TestWithParam<Accepted> {};
TEST_P(ListenAddressAcceptedTest, SaysWhoReachesIt) {
  const auto address = ParseListenAddress(GetParam().text, "/srv");
  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(address->text, GetParam().address);
  EXPECT_EQ(address->reach, GetParam().reach);
}
INSTANTIATE_TEST_SUITE_P(
    Addresses, ListenAddressAcceptedTest,
    ::testing::Values(Accepted{"127.0.0.1:7171", "127.0.0.1:7171", kMachine},
                      Accepted{"127.9.8.7:1", "127.9.8.7:1", kMachine},
                      Accepted{"localhost:80", "127.0.0.1:80", kMachine},
                      Accepted{"[::1]:65535", "[::1]:65535", kMachine},
                      Accepted{"127.0.0.1:0", "127.0.0.1:0", kMachine},
                      Accepted{"unix:/run/o.sock", "unix:/run/o.sock", kMachine},
                      Accepted{"unix:///run/o.sock", "unix:/run/o.sock", kMachine},
                      Accepted{"unix:o.sock", "unix:/srv/o.sock", kMachine},
                      Accepted{"0.0.0.0:7171", "0.0.0.0:7171", kNetwork},
                      Accepted{"[::]:7171", "[::]:7171", kNetwork},
                      Accepted{"10.0.0.1:7171", "10.0.0.1:7171", kNetwork},
                      Accepted{"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", kNetwork}));

struct Refused {
  std::string text;
  std::string message;
};
class ListenAddressRefusedTest : public ::testing::TestWithParam<Refused> {};
TEST_P(ListenAddressRefusedTest, SaysWhatWouldBeRight) {
  EXPECT_THAT(
      ParseListenAddress(GetParam().text, "/srv"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               ::testing::AllOf(HasSubstr(GetParam().message), HasSubstr("use 127.0.0.1"))));
}
INSTANTIATE_TEST_SUITE_P(
    Addresses, ListenAddressRefusedTest,
    ::testing::Values(Refused{"example.com:7171", "written in numbers"},
                      Refused{":7171", "written in numbers"},
                      Refused{"2130706433:1", "written in numbers"},
                      Refused{"127.1:7171", "written in numbers"}, Refused{"127.0.0.1", "no port"},
                      Refused{"127.0.0.1:", "no port"}, Refused{"127.0.0.1:70000", "no port"},
                      Refused{"127.0.0.1:+1", "no port"}, Refused{"", "no port"},
                      Refused{"unix:", "no socket file"},
                      Refused{"unix-abstract:x", "not a Unix socket"},
                      Refused{"unix:/" + std::string(107, 'x'), "is longer"}));

}  // namespace
}  // namespace onetake
