#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "runtime/base/trace_context.h"

namespace onetake {
namespace {

// The example of the standard, section 3.2.
constexpr char kHeader[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string With(size_t at, const std::string& text) {
  std::string header = kHeader;
  return header.replace(at, text.size(), text);
}

TEST(TraceContextTest, IsReadAndHandedOnUnderASpanOfOurOwn) {
  const auto trace = ParseTraceparent(kHeader);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(trace->parent_id, "b7ad6b7169203331");
  EXPECT_EQ(trace->flags, 1);
  EXPECT_EQ(MakeTraceparent(*trace, 0xb7),
            "00-0af7651916cd43dd8448eb211c80319c-00000000000000b7-01");
}

TEST(TraceContextTest, OnlyTheFlagThatIsKnownIsHandedOn) {
  EXPECT_EQ(MakeTraceparent(*ParseTraceparent(With(53, "ff")), 1).substr(53), "01");
  EXPECT_EQ(MakeTraceparent(*ParseTraceparent(With(53, "fe")), 1).substr(53), "00");
}

TEST(TraceContextTest, ALaterVersionIsReadAsFarAsThisOneGoes) {
  EXPECT_TRUE(ParseTraceparent(With(0, "cc")).has_value());
  EXPECT_TRUE(ParseTraceparent(With(0, "cc") + "-what-the-future-will-be-like").has_value());
  EXPECT_FALSE(ParseTraceparent(With(0, "cc") + ".").has_value());
}

TEST(TraceContextTest, WhatIsNoneIsNone) {
  for (const std::string& wrong :
       {std::string(), absl::StrCat(kHeader, "-"), absl::StrCat(kHeader, "x"),
        std::string(kHeader).substr(1), With(0, "ff"), With(0, "0x"), With(2, "_"), With(35, "_"),
        With(52, "_"), With(3, std::string(32, '0')), With(36, std::string(16, '0')),
        With(3, "0AF7"), With(36, "g"), With(53, "0g"), std::string(55, '-')}) {
    EXPECT_FALSE(ParseTraceparent(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace onetake
