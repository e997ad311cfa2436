#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

#include "runtime/base/lifetime.h"

namespace onetake {
namespace {

class Owner {
 public:
  Owner() = default;
  ~Owner() {
    lifetime_.End();
    if (on_destruction) on_destruction();
  }
  // Adds to `sum`, which outlives this.
  auto OnCall(int& sum) const {
    return lifetime_.While([&sum](std::unique_ptr<int> more) { sum += *more; });
  }
  Lifetime::Observer Observe() const { return lifetime_.Observe(); }

  std::function<void()> on_destruction;

 private:
  Lifetime lifetime_;
};

TEST(LifetimeTest, ACallbackIsCalledWithWhatItIsGivenWhileTheOwnerLives) {
  const Owner owner;
  int sum = 0;
  auto call = owner.OnCall(sum);
  call(std::make_unique<int>(2));
  call(std::make_unique<int>(3));
  EXPECT_EQ(sum, 5);
}

TEST(LifetimeTest, ACallbackDoesNothingOnceTheOwnerIsGone) {
  auto owner = std::make_unique<Owner>();
  int sum = 0;
  auto call = owner->OnCall(sum);
  owner.reset();
  call(std::make_unique<int>(2));
  EXPECT_EQ(sum, 0);
}

TEST(LifetimeTest, ACallbackOfADestructorDoesNothingAfterEnd) {
  std::optional<Owner> owner(std::in_place);
  int called = 0;
  owner->on_destruction = owner->Observe().While([&] { ++called; });
  owner.reset();
  EXPECT_EQ(called, 0);
}

TEST(LifetimeTest, WhoCallsSomebodySeesThatTheOwnerWasDestroyedByIt) {
  auto owner = std::make_unique<Owner>();
  const Lifetime::Observer self = owner->Observe();
  EXPECT_FALSE(self.IsOver());
  auto destroy = self.While([&] { owner.reset(); });
  destroy();
  EXPECT_TRUE(self.IsOver());
  destroy();
}

TEST(LifetimeTest, ACallbackMayBeCopied) {
  int called = 0;
  const Lifetime lifetime;
  const std::function<void(int)> first = lifetime.While([&](int more) { called += more; });
  const std::function<void(int)> second = first;
  first(1);
  second(2);
  EXPECT_EQ(called, 3);
}

}  // namespace
}  // namespace onetake
