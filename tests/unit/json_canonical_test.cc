#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runtime/json/json.h"

namespace onetake {
namespace {

std::string Canonical(absl::string_view text) {
  return CanonicalJson(*ParseJson(text, ResultLimits()));
}

TEST(CanonicalJsonTest, WritesEqualNumbersEqually) {
  for (const char* const one : {"1", "1.0", "1e0", "10e-1", "0.1e1", "1.000"}) {
    EXPECT_EQ(Canonical(one), "1") << one;
  }
  for (const char* const zero : {"0", "-0", "0.0", "-0.0", "0e5", "1e-400"}) {
    EXPECT_EQ(Canonical(zero), "0") << zero;
  }
  EXPECT_EQ(Canonical("9223372036854775808.0"), Canonical("9223372036854775808"));
  EXPECT_EQ(Canonical("-9.223372036854775808e18"), Canonical("-9223372036854775808"));
  EXPECT_EQ(Canonical("1152921504606846976.0"), Canonical("1152921504606846976"));
}

TEST(CanonicalJsonTest, KeepsIntegersBeyond53BitsApart) {
  EXPECT_EQ(Canonical("9007199254740993"), "9007199254740993");
  EXPECT_EQ(Canonical("9007199254740992"), "9007199254740992");
  EXPECT_EQ(Canonical("18446744073709551615"), "18446744073709551615");
}

// RFC 8785, appendix B: the bits of a double and what ECMAScript writes.
TEST(CanonicalJsonTest, WritesDoublesAsRfc8785Does) {
  const std::vector<std::pair<uint64_t, std::string>> cases = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const auto& [bits, text] : cases) {
    EXPECT_EQ(CanonicalJson(Json(std::bit_cast<double>(bits))), text);
  }
  EXPECT_EQ(CanonicalJson(Json(std::numeric_limits<double>::infinity())), "null");
  EXPECT_EQ(CanonicalJson(Json(std::nan(""))), "null");
}

TEST(CanonicalJsonTest, EscapesOnlyWhatRfc8785Escapes) {
  EXPECT_EQ(Canonical(R"("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\/")"),
            "\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
  EXPECT_EQ(Canonical(R"("\u0000\b\t\n\f\r\u001f\u007f")"),
            "\"\\u0000\\b\\t\\n\\f\\r\\u001f\x7F\"");
}

TEST(CanonicalJsonTest, SortsKeysByUtf16CodeUnits) {
  // RFC 8785, section 3.2.3: U+1F600 is D83D DE00 in UTF-16 and so comes before U+FB33.
  EXPECT_EQ(
      Canonical(R"({"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7})"),
      "{\"\\r\":2,\"1\":4,\"\xC2\x80\":6,\"\xC3\xB6\":7,\"\xE2\x82\xAC\":1,"
      "\"\xF0\x9F\x98\x80\":5,\"\xEF\xAC\xB3\":3}");
  EXPECT_EQ(Canonical(R"({"x\uffff":1,"x\ud800\udc00":2,"x":3,"x\ue000":4,"x\udbff\udfff":5})"),
            "{\"x\":3,\"x\xF0\x90\x80\x80\":2,\"x\xF4\x8F\xBF\xBF\":5,\"x\xEE\x80\x80\":4,"
            "\"x\xEF\xBF\xBF\":1}");
}

TEST(CanonicalJsonTest, WritesTheWholeExampleOfRfc8785) {
  EXPECT_EQ(Canonical(R"({
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  })"),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
            "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(CanonicalJsonTest, IsStableOverAParse) {
  for (const char* const text : {R"({"b":[1.50,{"z":{},"a":[]}],"a":"\u00e9"})", "[]", "{}", "\"\"",
                                 "[1e21,1e-7,123456789.125,-0.5]"}) {
    EXPECT_EQ(Canonical(Canonical(text)), Canonical(text));
  }
}

TEST(DumpJsonTest, WritesCompactTextAndReplacesInvalidUtf8) {
  EXPECT_EQ(DumpJson(Json{{"b", 1.0}, {"a", "\xFF"}}), "{\"a\":\"\xEF\xBF\xBD\",\"b\":1.0}");
}

}  // namespace
}  // namespace onetake
