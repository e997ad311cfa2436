#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "runtime/access/bearer_token.h"
#include "runtime/base/event_loop.h"
#include "runtime/server/token_watch.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using testing::IsOk;
using ::testing::Not;
using testing::SimScheduler;

constexpr char kGetIntent[] = "/onetake.v1.LedgerService/GetIntent";

class TokenWatchTest : public ::testing::Test {
 protected:
  void Write(const std::vector<TokenRecord>& tokens) {
    const auto replace = [&](std::vector<TokenRecord>& list) {
      list = tokens;
      return absl::OkStatus();
    };
    ASSERT_THAT(EditTokenFile(path_, replace), IsOk());
  }
  absl::Status Admit() const {
    const std::string header = "Bearer " + std::string(token_.ToText().Reveal());
    return access_.Admit({.authorization = {header}}, kGetIntent).status();
  }

  SimScheduler time_;  // of the clock, and of the disk where one thread will do
  const testing::TempDir folder_;
  const std::string path_ = folder_.Path("tokens");
  const BearerToken token_ = *NewBearerToken();
  TokenRecord record_{.id = token_.id,
                      .digest = SecretDigest(token_.secret),
                      .name = "night-audit",
                      .tenant = "north",
                      .roles = {Role::kAudit},
                      .created_at = time_.Now(),
                      .expires_at = time_.Now() + absl::Hours(1)};
  Access access_{AccessRules{}, time_};
};

TEST_F(TokenWatchTest, ATokenIsKnownAtTheNextLookAndEndsAtTheOneAfterItsRevocation) {
  SimScheduler loop;
  int looked = 0;
  TokenWatch watch({.path = path_, .on_looked = [&] { ++looked; }}, access_, time_, loop);
  ASSERT_THAT(watch.Load(), IsOk());  // no file: no tokens
  watch.Start();
  Write({record_});
  EXPECT_THAT(Admit(), Not(IsOk()));
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), IsOk());
  EXPECT_EQ(looked, 0);  // it is the loop that is told
  loop.RunReady();
  EXPECT_EQ(looked, 1);
  record_.revoked_at = time_.Now();
  Write({record_});
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), Not(IsOk()));
}

TEST_F(TokenWatchTest, AFileThatCannotBeUsedChangesNothing) {
  SimScheduler loop;
  Write({record_});
  TokenWatch watch({.path = path_}, access_, time_, loop);
  ASSERT_THAT(watch.Load(), IsOk());
  watch.Start();
  Write({});
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), IsOk());
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);  // the size and the time of the file stay
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), Not(IsOk()));
}

// Waits for the first look, which is a second away.
TEST_F(TokenWatchTest, ASlowDiskHoldsUpNoTaskOfTheLoop) {
  EventLoop loop;
  EventLoop disk;
  std::atomic<bool> loaded{false};
  absl::Notification reading;
  absl::Notification go_on;
  absl::Notification looked;
  TokenWatch watch({.path = path_,
                    .read =
                        [&](const std::string& path) {
                          if (loaded && !reading.HasBeenNotified()) {
                            reading.Notify();
                            go_on.WaitForNotification();
                          }
                          return ReadTokenFile(path);
                        },
                    .on_looked =
                        [&] {
                          if (!looked.HasBeenNotified()) looked.Notify();
                        }},
                   access_, disk, loop);
  ASSERT_THAT(watch.Load(), IsOk());
  loaded = true;
  Write({record_});
  watch.Start();
  loop.Start();
  disk.Start();
  reading.WaitForNotification();
  absl::Notification ran;
  loop.Post([&] { ran.Notify(); });
  EXPECT_TRUE(ran.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_FALSE(looked.HasBeenNotified());
  go_on.Notify();
  looked.WaitForNotification();
  EXPECT_THAT(Admit(), IsOk());
  disk.Stop();
  loop.Stop();
}

}  // namespace
}  // namespace onetake
