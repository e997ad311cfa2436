#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/server/listen_address.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;

struct Accepted {
  std::string text;
  std::string address;
};
class ListenAddressAcceptedTest : public ::testing::TestWithParam<Accepted> {};
TEST_P(ListenAddressAcceptedTest, StaysOnThisMachine) {
  EXPECT_THAT(ParseListenAddress(GetParam().text, "/srv"), IsOkAndHolds(GetParam().address));
}
INSTANTIATE_TEST_SUITE_P(Addresses, ListenAddressAcceptedTest,
                         ::testing::Values(Accepted{"127.0.0.1:7171", "127.0.0.1:7171"},
                                           Accepted{"127.9.8.7:1", "127.9.8.7:1"},
                                           Accepted{"localhost:80", "127.0.0.1:80"},
                                           Accepted{"[::1]:65535", "[::1]:65535"},
                                           Accepted{"127.0.0.1:0", "127.0.0.1:0"},
                                           Accepted{"unix:/run/o.sock", "unix:/run/o.sock"},
                                           Accepted{"unix:///run/o.sock", "unix:/run/o.sock"},
                                           Accepted{"unix:o.sock", "unix:/srv/o.sock"}));

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
    ::testing::Values(Refused{"0.0.0.0:7171", "other machines"},
                      Refused{"[::]:7171", "other machines"},
                      Refused{"10.0.0.1:7171", "other machines"},
                      Refused{"[::ffff:127.0.0.1]:1", "other machines"},
                      Refused{"example.com:7171", "is a name"}, Refused{":7171", "other machines"},
                      Refused{"2130706433:1", "is a name"}, Refused{"127.1:7171", "is a name"},
                      Refused{"127.0.0.1", "no port"}, Refused{"127.0.0.1:", "no port"},
                      Refused{"127.0.0.1:70000", "no port"}, Refused{"127.0.0.1:+1", "no port"},
                      Refused{"", "no port"}, Refused{"unix:", "no socket file"},
                      Refused{"unix-abstract:x", "not a Unix socket"},
                      Refused{"unix:/" + std::string(107, 'x'), "is longer"}));

}  // namespace
}  // namespace onetake
