#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/server/stream_limits.h"

namespace onetake {
namespace {

constexpr auto kSession = StreamLimits::Kind::kSession;
constexpr auto kWatcher = StreamLimits::Kind::kWatcher;

class StreamLimitsTest : public ::testing::Test {
 protected:
  // Empty: it was let in, and its place is kept.
  std::string Enter(StreamLimits::Kind kind, const std::string& tenant) {
    absl::StatusOr<StreamLimits::Place> place = limits_.Enter(kind, tenant);
    if (place.ok()) {
      places_.push_back(*std::move(place));
      return "";
    }
    EXPECT_EQ(place.status().code(), absl::StatusCode::kResourceExhausted);
    const ErrorDetail detail = *GetDetail(place.status());
    EXPECT_TRUE(detail.safe_to_resend);
    EXPECT_GT(detail.retry_after_ms, 0);
    return detail.reason;
  }

  StreamLimits limits_{{.sessions = 3, .tenant_sessions = 2, .watchers = 2, .tenant_watchers = 1}};
  std::vector<StreamLimits::Place> places_;
};

TEST_F(StreamLimitsTest, OneTenantCannotTakeAllStreams) {
  EXPECT_EQ(Enter(kSession, "a"), "");
  EXPECT_EQ(Enter(kSession, "a"), "");
  EXPECT_EQ(Enter(kSession, "a"), "TENANT_OVERLOADED");
  EXPECT_EQ(Enter(kSession, "b"), "");
  EXPECT_EQ(Enter(kSession, "b"), "OVERLOADED");
  EXPECT_EQ(Enter(kWatcher, "a"), "") << "watchers are counted by themselves";
  EXPECT_EQ(Enter(kWatcher, "a"), "TOO_MANY_WATCHERS");
  EXPECT_EQ(Enter(kWatcher, "b"), "");
  EXPECT_EQ(Enter(kWatcher, "c"), "TOO_MANY_WATCHERS");
  EXPECT_EQ(limits_.open(kSession), 3u);
  EXPECT_EQ(limits_.open(kWatcher), 2u);
  EXPECT_EQ(limits_.refused(kSession), 2);
  EXPECT_EQ(limits_.refused(kWatcher), 2);
}

TEST_F(StreamLimitsTest, APlaceIsGivenBackOnce) {
  EXPECT_EQ(Enter(kSession, "a"), "");
  EXPECT_EQ(Enter(kSession, "a"), "");
  places_[0].Release();
  places_[0].Release();
  EXPECT_EQ(limits_.open(kSession), 1u);
  EXPECT_EQ(Enter(kSession, "a"), "");
  EXPECT_EQ(Enter(kSession, "a"), "TENANT_OVERLOADED");
  places_.clear();
  EXPECT_EQ(limits_.open(kSession), 0u);
}

TEST_F(StreamLimitsTest, NewBoundsCountForNewStreams) {
  EXPECT_EQ(Enter(kSession, "a"), "");
  EXPECT_EQ(Enter(kSession, "a"), "");
  limits_.SetOptions({.sessions = 9, .tenant_sessions = 1});
  EXPECT_EQ(Enter(kSession, "a"), "TENANT_OVERLOADED");
  EXPECT_EQ(limits_.open(kSession), 2u);
  limits_.SetOptions({.sessions = 9, .tenant_sessions = 3});
  EXPECT_EQ(Enter(kSession, "a"), "");
}

}  // namespace
}  // namespace onetake
