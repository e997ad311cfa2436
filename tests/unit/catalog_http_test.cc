// What `http` of a manifest becomes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/catalog_tool_fixture.h"

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

class CatalogEgressTest : public CatalogToolTest {
 protected:
  std::shared_ptr<const Tool> LoadHttp(absl::string_view http) {
    WriteTool(absl::StrCat("http:\n  method: POST\n", http));
    return LoadTool();
  }
};

TEST_F(CatalogEgressTest, NetworksAndTheLimitOfADownstreamAreKept) {
  const auto tool = LoadHttp(
      "  url: http://pms.internal/a\n  allow_networks: [10.0.0.0/8, \"::1\", private]\n"
      "limits: { downstream_in_flight: 8 }\n");
  ASSERT_NE(tool, nullptr);
  std::vector<std::string> networks;
  for (const IpNetwork& network : tool->http->allow_networks)
    networks.push_back(network.ToString());
  EXPECT_THAT(networks, ::testing::ElementsAre("10.0.0.0/8", "::1/128", "10.0.0.0/8",
                                               "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"));
  EXPECT_EQ(tool->downstream_in_flight, 8);
}

// What was measured of a tool stays true when only its networks change.
TEST_F(CatalogEgressTest, NetworksAreNoPartOfWhatIsAsked) {
  const auto one = LoadHttp("  url: https://a.b/a\n");
  const auto other = LoadHttp("  url: https://a.b/a\n  allow_networks: [private]\n");
  EXPECT_NE(one->version, other->version);
  EXPECT_EQ(one->request_version, other->request_version);
}

TEST_F(CatalogEgressTest, OnlyASchemaThatBoundsAnArgumentLetsItHoldSeparatorsInAPath) {
  const auto plain = LoadHttp("  url: https://a.b/a/{slot}\n");
  ASSERT_THAT(plain->http->plain_in_path, ::testing::SizeIs(1));
  EXPECT_EQ(plain->http->plain_in_path[0].text(), "$.slot");
  const auto plain_of = [&](absl::string_view slot) {
    Write("book.yaml", absl::StrCat(R"(name: book
description: Books a slot.
effect: WRITE
parameters:
  type: object
  properties: { slot: { )",
                                    slot, R"( } }
  required: [slot]
http: { method: POST, url: "https://a.b/a/{slot}" }
)"));
    const auto tool = LoadTool();
    return tool == nullptr ? size_t{99} : tool->http->plain_in_path.size();
  };
  for (const char* bound :
       {"type: string, pattern: '^[a-z/]+$'", "type: string, enum: [a/b]", "const: a/b",
        "anyOf: [{enum: [a/b]}, {const: c/d}]", "oneOf: [{pattern: '^x'}, {enum: [a/b]}]"}) {
    EXPECT_EQ(plain_of(bound), 0) << bound;
  }
  for (const char* free :
       {"anyOf: [{enum: [a/b]}, {type: string, minLength: 1}]",
        "oneOf: [{const: me}, {type: string}]",
        "type: string, if: {minLength: 5}, then: {pattern: '^x'}, else: {enum: [me]}"}) {
    EXPECT_EQ(plain_of(free), 1) << free;
  }
}

class BadEgressTest : public BadToolTest {};
TEST_P(BadEgressTest, IsRefused) { ExpectItIsRefused(); }

INSTANTIATE_TEST_SUITE_P(
    Rules, BadEgressTest,
    ::testing::Values(
        BadTool{"Http", "http: { method: POST, url: http://a.b/ }", "http.url: is http, which"},
        BadTool{"HttpToPublic", "http: { method: POST, url: http://8.8.8.8/ }", "http.url: "},
        BadTool{"NearlyLoopback", "http: { method: POST, url: http://127.evil.com/ }", "is http"},
        BadTool{"Private", "http: { method: POST, url: https://192.168.0.1/ }", "not public"},
        BadTool{"Metadata",
                "http: { method: POST, url: http://169.254.169.254/, "
                "allow_networks: [169.254.0.0/16] }",
                "of a cloud's metadata"},
        BadTool{"Number", "http: { method: POST, url: https://2130706433/ }",
                "a number for a host"},
        BadTool{"DotAtTheEnd", "http: { method: POST, url: https://a.b./ }", "no dot at its ends"},
        BadTool{"Zone", "http: { method: POST, url: \"https://[fe80::1%25lo]/\" }", "IPv6"},
        BadTool{"Everything",
                "http: { method: POST, url: https://a.b/, allow_networks: [0.0.0.0/0] }",
                "http.allow_networks[0]: is nearly everything"},
        BadTool{"NoNetwork", "http: { method: POST, url: https://a.b/, allow_networks: [lan] }",
                "http.allow_networks[0]: is no network"},
        BadTool{"NoRoom",
                "http: { method: POST, url: https://a.b/ }\nlimits: { downstream_in_flight: 0 }",
                "limits.downstream_in_flight: is \"0\", which is out of range"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
