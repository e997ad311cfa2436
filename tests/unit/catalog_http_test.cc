// What `http` of a manifest becomes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

class CatalogHttpTest : public CatalogTest {};

TEST_F(CatalogHttpTest, AFormItsStylesAndWhatIsAlreadyGone) {
  Write("remove.yaml", R"(name: remove
description: Removes.
effect: WRITE
parameters:
  type: object
  additionalProperties: false
  properties:
    tags: { type: array, items: { type: string } }
    filter: { type: object }
    note: { type: [string, "null"] }
safety: { natural: true }
http:
  method: POST
  url: http://localhost/x
  query: { tags: $.tags }
  form: { Note: $.note, Filter: $.filter, Fixed: 5 }
  styles: { tags: comma, Filter: deep_object }
  outcomes: { 404: already_gone }
)");
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  const HttpBinding& http = *catalog.tools->Find("remove")->http;
  EXPECT_EQ(http.form->Render(Json{{"note", "n"}}), (Json{{"Note", "n"}, {"Fixed", 5}}));
  EXPECT_FALSE(http.body.has_value());
  EXPECT_EQ(http.styles,
            (std::map<std::string, ParameterStyle>{{"tags", ParameterStyle::kComma},
                                                   {"Filter", ParameterStyle::kDeepObject}}));
  EXPECT_EQ(http.outcomes.at(404), StatusMeaning::kAlreadyGone);
}

}  // namespace
}  // namespace onetake::testing
