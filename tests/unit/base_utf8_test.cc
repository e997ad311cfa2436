#include <gtest/gtest.h>

#include <string>

#include "runtime/base/utf8.h"

namespace onetake::testing {
namespace {

TEST(Utf8PrefixTest, CutsBeforeTheCharacterThatDoesNotFit) {
  EXPECT_EQ(Utf8Prefix("abc", 3), "abc");
  EXPECT_EQ(Utf8Prefix("abc", 2), "ab");
  EXPECT_EQ(Utf8Prefix("", 2), "");
  for (const std::string character : {"\u00e9", "\u20ac", "\U0001f600"}) {
    const std::string text = "a" + character + character;
    for (size_t most = 0; most <= text.size(); ++most) {
      const size_t whole = most == 0 ? 0 : (most - 1) / character.size();
      const size_t want = most == 0 ? 0 : 1 + whole * character.size();
      EXPECT_EQ(Utf8Prefix(text, most).size(), want) << character << " " << most;
    }
  }
}

TEST(Utf8PrefixTest, CutsWhatIsNotUtf8Somewhere) {
  EXPECT_LE(Utf8Prefix("\x80\x80\x80\x80", 2).size(), 2u);
  EXPECT_EQ(Utf8Prefix("\xff\xff\xff", 2), "\xff\xff");
}

}  // namespace
}  // namespace onetake::testing
