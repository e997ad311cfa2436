#pragma once

#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {

// One WRITE, `book`, of which the test says how it is called and what is promised.
class CatalogToolTest : public CatalogTest {
 protected:
  void WriteTool(absl::string_view rest) {
    Write("book.yaml", absl::StrCat(R"(name: book
description: Books a slot.
effect: WRITE
parameters:
  type: object
  properties: { slot: { type: string } }
  required: [slot]
  additionalProperties: false
intent: { identity: { slot: verbatim } }
)",
                                    rest));
  }
  // nullptr, and a failure, when it has faults.
  std::shared_ptr<const Tool> LoadTool() {
    const Catalog catalog = Load();
    EXPECT_NE(catalog.tools, nullptr) << ::testing::PrintToString(Said(catalog));
    return catalog.tools == nullptr ? nullptr : catalog.tools->Find("book");
  }
};

// A rest that is refused, and a part of what is said of it.
struct BadTool {
  std::string name;
  std::string rest;
  std::string said;
};
class BadToolTest : public CatalogToolTest, public ::testing::WithParamInterface<BadTool> {
 protected:
  void ExpectItIsRefused() {
    WriteTool(GetParam().rest);
    const Catalog catalog = Load();
    EXPECT_EQ(catalog.tools, nullptr);
    EXPECT_THAT(Said(catalog), ::testing::Contains(::testing::HasSubstr(GetParam().said)));
  }
};

}  // namespace onetake::testing
