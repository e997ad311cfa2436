// What a manifest says about measured latency.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

struct HedgeCase {
  const char* yaml;
  std::optional<double> after;
};

TEST_F(CatalogTest, AHedgeIsASwitchOrAPercentile) {
  for (const HedgeCase& c : std::vector<HedgeCase>{{"", std::nullopt},
                                                   {"hedge: false\n", std::nullopt},
                                                   {"hedge: true\n", 0.95},
                                                   {"hedge: {}\n", 0.95},
                                                   {"hedge: { after: p50 }\n", 0.5},
                                                   {"hedge: { after: p90 }\n", 0.9},
                                                   {"hedge: { after: p95 }\n", 0.95},
                                                   {"hedge: { after: p99 }\n", 0.99}}) {
    Write("find.yaml", absl::StrCat(kFind, c.yaml));
    const Catalog catalog = Load();
    ASSERT_NE(catalog.tools, nullptr) << c.yaml << FormatDiagnostics(catalog.diagnostics);
    EXPECT_EQ(catalog.tools->Find("find")->hedge_after, c.after) << c.yaml;
  }
}

TEST_F(CatalogTest, TheRequestsVersionStaysWhenOnlyTimesAndTextsChange) {
  const auto request_version = [this](absl::string_view piece, absl::string_view by) {
    WriteBook(piece, by);
    const Catalog catalog = Load();
    EXPECT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
    return catalog.tools == nullptr ? "" : catalog.tools->Find("book")->request_version;
  };
  const std::string original = request_version("", "");
  EXPECT_FALSE(original.empty());
  EXPECT_EQ(request_version("floor: 8s", "floor: 8s, attempt: 9s"), original);
  EXPECT_EQ(request_version("Books a slot.", "Books one slot."), original);
  EXPECT_EQ(request_version("attempts: 5", "attempts: 4"), original);
  EXPECT_NE(request_version("method: POST", "method: PUT"), original);
  EXPECT_NE(request_version("api.example.com/a/", "api.example.com/b/"), original);
  EXPECT_NE(request_version("{ day: $.slot }", "{ date: $.slot }"), original);
}

}  // namespace
}  // namespace onetake::testing
