// Where requests of tools may go: every form of an address, and what of it is allowed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/policy/egress.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

IpAddress Address(absl::string_view text) { return IpAddress::Parse(text).value(); }

std::vector<IpNetwork> Networks(const std::vector<std::string>& texts) {
  std::vector<IpNetwork> all;
  for (const std::string& text : texts) {
    const std::vector<IpNetwork> some = ParseAllowedNetwork(text).value();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

absl::StatusOr<EgressPolicy> PolicyOf(absl::string_view host,
                                      const std::vector<std::string>& allowed,
                                      EgressPolicy::Wire wire = EgressPolicy::Wire::kTls) {
  absl::StatusOr<UrlHost> parsed = ParseUrlHost(host);
  if (!parsed.ok()) return parsed.status();
  return EgressPolicy::Make(wire, *parsed, Networks(allowed));
}

struct AddressCase {
  const char* address;
  const char* kind;  // "": public
};
class KindOfAddressTest : public ::testing::TestWithParam<AddressCase> {};

TEST_P(KindOfAddressTest, IsWhatTheRegistriesSay) {
  EXPECT_EQ(KindOfAddress(Address(GetParam().address)), GetParam().kind);
  const absl::Status checked = PolicyOf("api.example.com", {})->Check(Address(GetParam().address));
  EXPECT_EQ(checked.ok(), absl::string_view(GetParam().kind).empty());
}

constexpr char kMetadata[] = "of a cloud's metadata";
constexpr char kInNat64[] = "a NAT64 one of a network that is not public";

INSTANTIATE_TEST_SUITE_P(
    V4, KindOfAddressTest,
    ::testing::Values(
        AddressCase{"8.8.8.8", ""}, AddressCase{"1.0.0.0", ""}, AddressCase{"9.255.255.255", ""},
        AddressCase{"11.0.0.0", ""}, AddressCase{"100.63.255.255", ""},
        AddressCase{"100.128.0.0", ""}, AddressCase{"126.255.255.255", ""},
        AddressCase{"128.0.0.0", ""}, AddressCase{"169.253.255.255", ""},
        AddressCase{"169.255.0.0", ""}, AddressCase{"172.15.255.255", ""},
        AddressCase{"172.32.0.0", ""}, AddressCase{"192.167.255.255", ""},
        AddressCase{"192.169.0.0", ""}, AddressCase{"198.17.255.255", ""},
        AddressCase{"198.20.0.0", ""}, AddressCase{"223.255.255.255", ""},
        AddressCase{"0.0.0.0", "unspecified"}, AddressCase{"0.1.2.3", "unspecified"},
        AddressCase{"10.0.0.0", "private"}, AddressCase{"10.255.255.255", "private"},
        AddressCase{"100.64.0.0", "of a carrier's NAT"},
        AddressCase{"100.127.255.255", "of a carrier's NAT"}, AddressCase{"127.0.0.1", "loopback"},
        AddressCase{"127.1.2.3", "loopback"}, AddressCase{"127.255.255.255", "loopback"},
        AddressCase{"169.254.0.1", "link-local"}, AddressCase{"169.254.255.255", "link-local"},
        AddressCase{"172.16.0.0", "private"}, AddressCase{"172.31.255.255", "private"},
        AddressCase{"192.0.0.1", "reserved for protocols"},
        AddressCase{"192.0.2.1", "for documentation"},
        AddressCase{"192.88.99.1", "of a 6to4 relay"}, AddressCase{"192.168.0.0", "private"},
        AddressCase{"192.168.255.255", "private"}, AddressCase{"198.18.0.0", "for benchmarks"},
        AddressCase{"198.19.255.255", "for benchmarks"},
        AddressCase{"198.51.100.7", "for documentation"},
        AddressCase{"203.0.113.7", "for documentation"}, AddressCase{"224.0.0.1", "multicast"},
        AddressCase{"239.255.255.255", "multicast"}, AddressCase{"240.0.0.1", "reserved"},
        AddressCase{"255.255.255.255", "reserved"}, AddressCase{"169.254.169.254", kMetadata},
        AddressCase{"169.254.170.2", kMetadata}, AddressCase{"169.254.170.23", kMetadata},
        AddressCase{"168.63.129.16", kMetadata}, AddressCase{"100.100.100.200", kMetadata},
        AddressCase{"192.0.0.192", kMetadata}, AddressCase{"169.254.42.42", kMetadata},
        AddressCase{"169.254.0.23", kMetadata}));

INSTANTIATE_TEST_SUITE_P(
    V6, KindOfAddressTest,
    ::testing::Values(
        AddressCase{"2606:4700::1111", ""}, AddressCase{"2a00:1450::1", ""},
        AddressCase{"2001:200::1", ""}, AddressCase{"2003::1", ""}, AddressCase{"2001:db7::1", ""},
        AddressCase{"::", "unspecified"}, AddressCase{"::1", "loopback"},
        AddressCase{"::2", "an IPv4-compatible one"},
        AddressCase{"::127.0.0.1", "an IPv4-compatible one"},
        AddressCase{"::8.8.8.8", "an IPv4-compatible one"}, AddressCase{"::ffff:8.8.8.8", ""},
        AddressCase{"::ffff:127.0.0.1", "loopback"}, AddressCase{"::ffff:7f00:1", "loopback"},
        AddressCase{"0:0:0:0:0:ffff:a00:1", "private"},
        AddressCase{"::ffff:169.254.169.254", kMetadata},
        AddressCase{"::ffff:0:127.0.0.1", "not given out"}, AddressCase{"64:ff9b::8.8.8.8", ""},
        AddressCase{"64:ff9b::127.0.0.1", kInNat64}, AddressCase{"64:ff9b::a00:1", kInNat64},
        AddressCase{"64:ff9b::169.254.169.254", kMetadata},
        AddressCase{"64:ff9b:1::808:808", "of a local NAT64"},
        AddressCase{"64:ff9b:2::1", "not given out"}, AddressCase{"100::1", "for discarding"},
        AddressCase{"2001::1", "of Teredo"}, AddressCase{"2001:0:53aa:64c::1", "of Teredo"},
        AddressCase{"2001:2::1", "reserved for protocols"},
        AddressCase{"2001:1ff::1", "reserved for protocols"},
        AddressCase{"2001:db8::1", "for documentation"}, AddressCase{"2002:7f00:1::", "of 6to4"},
        AddressCase{"2002:808:808::1", "of 6to4"}, AddressCase{"3fff::1", "for documentation"},
        AddressCase{"3fff:fff::1", "for documentation"}, AddressCase{"4000::1", "not given out"},
        AddressCase{"5f00::1", "of segment routing"}, AddressCase{"fc00::1", "private"},
        AddressCase{"fdff::1", "private"}, AddressCase{"fd00:ec2::254", kMetadata},
        AddressCase{"fd00:ec2::23", kMetadata}, AddressCase{"fd20:ce::254", kMetadata},
        AddressCase{"fd00:c1::a9fe:a9fe", kMetadata}, AddressCase{"fd00:42::42", kMetadata},
        AddressCase{"fd00:100::100:200", kMetadata}, AddressCase{"fd00:a9fe:a9fe::1", kMetadata},
        AddressCase{"fe80::a9fe:a9fe", kMetadata}, AddressCase{"fd20:ce::255", "private"},
        AddressCase{"::169.254.169.254", kMetadata}, AddressCase{"::ffff:169.254.170.2", kMetadata},
        AddressCase{"64:ff9b::100.100.100.200", kMetadata},
        AddressCase{"64:ff9b:1::169.254.169.254", kMetadata},
        AddressCase{"2002:a9fe:a9fe::1", kMetadata}, AddressCase{"2002:a9fe:a9fd::1", "of 6to4"},
        AddressCase{"fe80::1", "link-local"}, AddressCase{"febf::1", "link-local"},
        AddressCase{"fec0::1", "site-local"}, AddressCase{"ff02::1", "multicast"},
        AddressCase{"fe00::1", "not given out"}));

class OddHostTest : public ::testing::TestWithParam<std::string> {};

// Each of them leads to loopback, or elsewhere, by one reader of URLs or another.
TEST_P(OddHostTest, IsNoHost) {
  EXPECT_THAT(ParseUrlHost(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has ")));
}

INSTANTIATE_TEST_SUITE_P(Numbers, OddHostTest,
                         ::testing::Values("2130706433", "0x7f000001", "0X7F000001", "017700000001",
                                           "127.1", "127.0.1", "0x7f.0.0.1", "0177.0.0.1",
                                           "127.0.0.01", "127.0.0.0x1", "127.0.0.256", "127.0.0.1.",
                                           "1.2.3.4.5", "127.0.0.", "a.127", "a.0x7f", "a.0x",
                                           "4294967296", "-1.2", "1e3.1"));
INSTANTIATE_TEST_SUITE_P(Texts, OddHostTest,
                         ::testing::Values("", ".", "..", "localhost.", "api.example.com.",
                                           ".example.com", "a..b", "a b", "a%2eb",
                                           "%31%32%37.0.0.1", "a/b", "a\\b", "a?b", "a#b", "a@b",
                                           "a:80", "a\tb", "a\r\nb", std::string("a\0b", 3),
                                           "*.example.com", "a,b", "a;b", "a\"b",
                                           std::string(64, 'a'), std::string(254, 'a')));
INSTANTIATE_TEST_SUITE_P(
    OtherScripts, OddHostTest,
    ::testing::Values("\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1",  // fullwidth 127
                      "127\xE3\x80\x82"
                      "0\xE3\x80\x82"
                      "0\xE3\x80\x82"
                      "1",                                           // ideographic dots
                      "\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.0.0.1",  // circled digits
                      "loc\xC2\xAD"
                      "alhost",  // soft hyphen
                      "\xE2\x84\xACocalhost", "caf\xC3\xA9.example", "\xFF"));
INSTANTIATE_TEST_SUITE_P(Brackets, OddHostTest,
                         ::testing::Values("[", "[]", "[::1", "[127.0.0.1]", "[fe80::1%25eth0]",
                                           "[fe80::1%eth0]", "[::1]x", "[[::1]]", "::1",
                                           "[::ffff:0x7f.0.0.1]", "[v1.a]", "[1::2::3]"));

TEST(ParseUrlHostTest, TakesNamesAndPlainAddresses) {
  EXPECT_EQ(ParseUrlHost("API.Example.com")->text, "api.example.com");
  EXPECT_EQ(ParseUrlHost("api.example.com")->kind, UrlHost::Kind::kName);
  EXPECT_EQ(ParseUrlHost("xn--caf-dma.example")->kind, UrlHost::Kind::kName);
  EXPECT_EQ(ParseUrlHost("1a.2b")->kind, UrlHost::Kind::kName);
  EXPECT_EQ(ParseUrlHost("127.evil.com")->kind, UrlHost::Kind::kName);
  EXPECT_EQ(ParseUrlHost("LOCALHOST")->kind, UrlHost::Kind::kLocalhost);
  EXPECT_EQ(ParseUrlHost("a.localhost")->kind, UrlHost::Kind::kName);
  EXPECT_EQ(ParseUrlHost("10.1.2.3")->address, Address("10.1.2.3"));
  EXPECT_EQ(ParseUrlHost("[FD00::1]")->address, Address("fd00::1"));
}

struct PolicyCase {
  const char* name;
  const char* host;
  std::vector<std::string> allowed;
  const char* address;
  bool ok;
};
class EgressCheckTest : public ::testing::TestWithParam<PolicyCase> {};

TEST_P(EgressCheckTest, AllowsWhatTheManifestNames) {
  const PolicyCase& given = GetParam();
  const auto policy = PolicyOf(given.host, given.allowed);
  ASSERT_THAT(policy, IsOk());
  EXPECT_EQ(policy->Check(Address(given.address)).ok(), given.ok);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EgressCheckTest,
    ::testing::Values(
        PolicyCase{"Inside", "a.b", {"10.0.0.0/8"}, "10.1.2.3", true},
        PolicyCase{"MappedInside", "a.b", {"10.0.0.0/8"}, "::ffff:10.1.2.3", true},
        PolicyCase{"Beside", "a.b", {"10.0.0.0/16"}, "10.1.2.3", false},
        PolicyCase{"PublicStays", "a.b", {"10.0.0.0/8"}, "8.8.8.8", true},
        PolicyCase{"One", "a.b", {"10.1.2.3"}, "10.1.2.3", true},
        PolicyCase{"NotTheNext", "a.b", {"10.1.2.3"}, "10.1.2.4", false},
        PolicyCase{"OtherFamily", "a.b", {"fd00::/8"}, "10.1.2.3", false},
        PolicyCase{"SecondNetwork", "a.b", {"10.0.0.0/8", "fd00::/8"}, "fd12::1", true},
        PolicyCase{"Private", "a.b", {"private"}, "192.168.7.7", true},
        PolicyCase{"PrivateIsNotLoopback", "a.b", {"private"}, "127.0.0.1", false},
        PolicyCase{"Loopback", "a.b", {"loopback"}, "127.0.0.1", true},
        PolicyCase{"Loopback6", "a.b", {"loopback"}, "::1", true},
        PolicyCase{"NameToLoopback", "a.b", {}, "127.0.0.1", false},
        PolicyCase{"NameLikeLocalhost", "a.localhost", {}, "127.0.0.1", false},
        PolicyCase{"Localhost", "localhost", {}, "127.0.0.1", true},
        PolicyCase{"Localhost6", "localhost", {}, "::1", true},
        PolicyCase{"LocalhostElsewhere", "localhost", {"10.0.0.0/8"}, "10.0.0.1", false},
        PolicyCase{"LocalhostPublic", "localhost", {}, "8.8.8.8", false},
        PolicyCase{"Literal", "127.0.0.9", {}, "127.0.0.9", true},
        PolicyCase{"Literal6", "[::1]", {}, "::1", true},
        PolicyCase{"AllowedLiteral", "10.0.0.5", {"10.0.0.0/8"}, "10.0.0.5", true},
        PolicyCase{"MetadataByNetwork", "a.b", {"169.254.0.0/16"}, "169.254.169.254", false},
        PolicyCase{"MetadataByPrivate", "a.b", {"private"}, "fd00:ec2::254", false},
        PolicyCase{"MetadataByName", "a.b", {"169.254.169.254"}, "169.254.169.254", true},
        PolicyCase{"MetadataMapped", "a.b", {"169.254.0.0/16"}, "::ffff:a9fe:a9fe", false},
        PolicyCase{"MetadataInNat64", "a.b", {"64:ff9b::/96"}, "64:ff9b::a9fe:a9fe", false},
        PolicyCase{"MetadataIn6to4", "a.b", {"2002::/16"}, "2002:a9fe:a9fe::1", false},
        PolicyCase{"GooglesByPrivate", "a.b", {"private"}, "fd20:ce::254", false},
        PolicyCase{"GooglesByName", "a.b", {"fd20:ce::254"}, "fd20:ce::254", true},
        PolicyCase{"NeighbourOfMetadata", "a.b", {"169.254.0.0/16"}, "169.254.1.1", true},
        PolicyCase{"Nat64OfAllowedIsAnother", "a.b", {"10.0.0.0/8"}, "64:ff9b::10.0.0.1", false},
        PolicyCase{"Nat64Allowed", "a.b", {"64:ff9b::/96"}, "64:ff9b::10.0.0.1", true},
        PolicyCase{"MetadataByNat64", "a.b", {"64:ff9b::/96"}, "64:ff9b::a9fe:a9fe", false}),
    [](const auto& info) { return info.param.name; });

TEST(EgressPolicyTest, HttpGoesOnlyToThisMachineAndToWhatIsNamed) {
  using Wire = EgressPolicy::Wire;
  EXPECT_THAT(PolicyOf("a.b", {}, Wire::kClear),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("https")));
  EXPECT_THAT(PolicyOf("8.8.8.8", {}, Wire::kClear),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("https")));
  EXPECT_THAT(PolicyOf("localhost", {}, Wire::kClear), IsOk());
  EXPECT_THAT(PolicyOf("127.0.0.1", {}, Wire::kClear), IsOk());
  const auto named = PolicyOf("a.b", {"10.0.0.0/8"}, Wire::kClear);
  ASSERT_THAT(named, IsOk());
  EXPECT_THAT(named->Check(Address("10.0.0.1")), IsOk());
  EXPECT_THAT(named->Check(Address("8.8.8.8")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("public")));
}

TEST(EgressPolicyTest, AnAddressThatIsNotPublicIsRefusedWhereItIsWritten) {
  for (const char* host : {"10.0.0.1", "169.254.169.254", "[::ffff:7f00:1%]", "[fd00::1]",
                           "[64:ff9b::a00:1]", "0.0.0.0", "[::]"}) {
    EXPECT_THAT(PolicyOf(host, {}), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_))
        << host;
  }
  EXPECT_THAT(PolicyOf("8.8.8.8", {}), IsOk());
}

class AllowedNetworkTest : public ::testing::TestWithParam<std::string> {};

TEST_P(AllowedNetworkTest, RefusesWhatIsNoNetworkOrNearlyEverything) {
  EXPECT_THAT(ParseAllowedNetwork(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is ")));
}

INSTANTIATE_TEST_SUITE_P(Table, AllowedNetworkTest,
                         ::testing::Values("", "0.0.0.0/0", "::/0", "10.0.0.0/7", "8000::/6",
                                           "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
                                           "10.0.0.0/08x", "10/8", "10.0.0.0/8/8", "fd00::1/8",
                                           "fd00::/129", "::ffff:10.0.0.0/104", "Loopback", "all",
                                           "[::1]", "example.com"));

TEST(IpAddressTest, EveryTruncationOfAnAddressIsAnotherOneOrNone) {
  const std::string text = "2001:db8::ffff:192.168.100.200";
  for (size_t size = 0; size < text.size(); ++size) {
    const auto parsed = IpAddress::Parse(text.substr(0, size));
    EXPECT_FALSE(parsed.ok() && *parsed == Address(text)) << size;
  }
  EXPECT_THAT(IpAddress::Parse(std::string("10.0.0.1\0x", 10)),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

// The C library takes 0x7f.1, 127.1 and 2130706433 for addresses, and so may whoever resolves.
TEST(ParseUrlHostTest, NoNameIsAnAddressToTheCLibrary) {
  constexpr absl::string_view kCharacters = "0123789abfxXe.-_";
  std::mt19937 random(17);
  int names = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text(1 + random() % 12, ' ');
    for (char& c : text) c = kCharacters[random() % kCharacters.size()];
    const auto host = ParseUrlHost(text);
    if (!host.ok()) continue;
    in_addr address;
    if (host->kind == UrlHost::Kind::kName) {
      ++names;
      EXPECT_EQ(inet_aton(host->text.c_str(), &address), 0) << text;
    } else {
      EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &address), 1) << text;
    }
  }
  EXPECT_GT(names, 10'000);
}

TEST(IpNetworkTest, ContainsWhatHasItsBitsAndNothingElse) {
  for (int prefix = 0; prefix <= 32; ++prefix) {
    const IpNetwork network{Address("0.0.0.0"), prefix};
    for (int bit = 0; bit < 32; ++bit) {
      std::array<uint8_t, 4> bytes{};
      bytes[bit / 8] = static_cast<uint8_t>(0x80 >> (bit % 8));
      EXPECT_EQ(network.Contains(IpAddress::V4(bytes)), bit >= prefix) << prefix << " " << bit;
    }
  }
}

}  // namespace
}  // namespace onetake::testing
