#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <type_traits>

#include "runtime/base/secret.h"

namespace onetake {
namespace {

// The bytes of an object, to look for what should be gone.
template <typename T>
std::string BytesOf(const T& object) {
  return std::string(reinterpret_cast<const char*>(&object), sizeof(T));
}

TEST(SecretTest, ComparesByValueAndLength) {
  const Secret secret(std::string("s3cret"));
  EXPECT_TRUE(secret.Equals("s3cret"));
  EXPECT_FALSE(secret.Equals("s3creT"));
  EXPECT_FALSE(secret.Equals("s3cre"));
  EXPECT_FALSE(secret.Equals("s3cret "));
  EXPECT_FALSE(secret.Equals(""));
  EXPECT_TRUE(Secret().Equals(""));
  EXPECT_TRUE(Secret().empty());
}

TEST(SecretTest, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<Secret>);
  EXPECT_FALSE(std::is_copy_assignable_v<Secret>);
}

// Short strings live inside the object, where a move leaves the old bytes behind.
TEST(SecretTest, LeavesNoBytesInWhatItWasMovedFrom) {
  Secret from(std::string("short-pass"));
  Secret to(std::move(from));
  EXPECT_EQ(to.Reveal(), "short-pass");
  EXPECT_THAT(BytesOf(from), ::testing::Not(::testing::HasSubstr("short-pass")));  // NOLINT
  Secret assigned;
  assigned = std::move(to);
  EXPECT_EQ(assigned.Reveal(), "short-pass");
  EXPECT_THAT(BytesOf(to), ::testing::Not(::testing::HasSubstr("short-pass")));  // NOLINT
}

TEST(SecretTest, LeavesNoBytesWhenItDies) {
  alignas(Secret) unsigned char storage[sizeof(Secret)] = {};
  auto* secret = new (storage) Secret(std::string("short-pass"));
  EXPECT_THAT(BytesOf(storage), ::testing::HasSubstr("short-pass"));
  secret->~Secret();
  EXPECT_THAT(BytesOf(storage), ::testing::Not(::testing::HasSubstr("short-pass")));
}

TEST(SecretTest, KeepsLongValuesWhole) {
  const std::string text(10'000, 'k');
  Secret secret(text);
  Secret moved(std::move(secret));
  EXPECT_TRUE(moved.Equals(text));
}

}  // namespace
}  // namespace onetake
