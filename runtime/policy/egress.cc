#include "runtime/policy/egress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/check.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr size_t kNoV4 = 0;
struct Range {
  const char* network;
  const char* kind;
  size_t v4_at = kNoV4;  // the byte at which its addresses hold an IPv4 address
};
struct ParsedRange {
  IpNetwork network;
  absl::string_view kind;
  size_t v4_at;
};

constexpr char kMetadata[] = "of a cloud's metadata";

// The first range that fits counts.
constexpr Range kNotPublic[] = {
    {"169.254.169.254", kMetadata},  // most clouds'
    {"169.254.170.2", kMetadata},    // Amazon's, for containers
    {"169.254.170.23", kMetadata},
    {"169.254.42.42", kMetadata},    // Scaleway's
    {"169.254.0.23", kMetadata},     // Tencent's
    {"168.63.129.16", kMetadata},    // Azure's
    {"100.100.100.200", kMetadata},  // Alibaba's
    {"192.0.0.192", kMetadata},      // Oracle's
    {"fd00:ec2::254", kMetadata},    // Amazon's
    {"fd00:ec2::23", kMetadata},
    {"fd20:ce::254", kMetadata},        // Google's
    {"fd00:c1::a9fe:a9fe", kMetadata},  // Oracle's
    {"fd00:42::42", kMetadata},         // Scaleway's
    {"fd00:100::100:200", kMetadata},   // Alibaba's
    {"fd00:a9fe:a9fe::1", kMetadata},   // Akamai's
    {"fe80::a9fe:a9fe", kMetadata},     // OpenStack's
    {"0.0.0.0/8", "unspecified"},
    {"10.0.0.0/8", "private"},
    {"100.64.0.0/10", "of a carrier's NAT"},
    {"127.0.0.0/8", "loopback"},
    {"169.254.0.0/16", "link-local"},
    {"172.16.0.0/12", "private"},
    {"192.0.0.0/24", "reserved for protocols"},
    {"192.0.2.0/24", "for documentation"},
    {"192.88.99.0/24", "of a 6to4 relay"},
    {"192.168.0.0/16", "private"},
    {"198.18.0.0/15", "for benchmarks"},
    {"198.51.100.0/24", "for documentation"},
    {"203.0.113.0/24", "for documentation"},
    {"224.0.0.0/4", "multicast"},
    {"240.0.0.0/4", "reserved"},
    {"::/128", "unspecified"},
    {"::1/128", "loopback"},
    {"::/96", "an IPv4-compatible one", 12},
    {"::ffff:0:0/96", "an IPv4-mapped one"},
    {"64:ff9b:1::/48", "of a local NAT64", 12},
    {"100::/64", "for discarding"},
    {"2001::/32", "of Teredo"},
    {"2001::/23", "reserved for protocols"},
    {"2001:db8::/32", "for documentation"},
    {"2002::/16", "of 6to4", 2},
    {"3fff::/20", "for documentation"},
    {"5f00::/16", "of segment routing"},
    {"fc00::/7", "private"},
    {"fe80::/10", "link-local"},
    {"fec0::/10", "site-local"},
    {"ff00::/8", "multicast"},
};
constexpr size_t kNat64Offset = 12;

IpNetwork Network(absl::string_view text) {
  absl::StatusOr<IpNetwork> network = IpNetwork::Parse(text);
  ONETAKE_CHECK(network.ok());
  return *network;
}

const std::vector<ParsedRange>& NotPublic() {
  static const auto* ranges = [] {
    auto* parsed = new std::vector<ParsedRange>;
    for (const Range& range : kNotPublic) {
      parsed->push_back({Network(range.network), range.kind, range.v4_at});
    }
    return parsed;
  }();
  return *ranges;
}

bool IsLoopbackAddress(const IpAddress& address) { return KindOfAddress(address) == "loopback"; }

// Resolvers take 0x7f.1 and 2130706433 for addresses, so a host that ends in a number is no name.
bool EndsInNumber(absl::string_view host) {
  const absl::string_view last = host.substr(host.rfind('.') + 1);
  if (std::all_of(last.begin(), last.end(), absl::ascii_isdigit)) return true;
  return absl::StartsWith(last, "0x") &&
         std::all_of(last.begin() + 2, last.end(), absl::ascii_isxdigit);
}

absl::Status CheckName(absl::string_view name) {
  constexpr size_t kNameBytes = 253;
  constexpr size_t kLabelBytes = 63;
  if (name.size() > kNameBytes) return absl::InvalidArgumentError("has a host that is too long");
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.size() > kLabelBytes) {
      return absl::InvalidArgumentError(
          "has a host with an empty or too long part: no dot at its ends, none twice");
    }
    const bool plain = std::all_of(label.begin(), label.end(), [](char c) {
      return absl::ascii_isalnum(c) || c == '-' || c == '_';
    });
    if (!plain) {
      return absl::InvalidArgumentError(
          "has a character in its host that no host name has: of a name in another script, its "
          "xn-- form");
    }
  }
  if (!EndsInNumber(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "has a number for a host that is no IPv4 address: 10.0.0.1, four decimal numbers without "
      "leading zeros");
}

}  // namespace

absl::string_view KindOfAddress(const IpAddress& address) {
  static const IpNetwork kGlobalUnicast = Network("2000::/3");
  static const IpNetwork kNat64 = Network("64:ff9b::/96");
  const IpAddress real = address.Unmapped();
  if (kNat64.Contains(real)) {
    const absl::string_view inside = KindOfAddress(real.EmbeddedV4(kNat64Offset));
    if (inside.empty() || inside == kMetadata) return inside;
    return "a NAT64 one of a network that is not public";
  }
  for (const ParsedRange& range : NotPublic()) {
    if (!range.network.Contains(real)) continue;
    const bool leads_to_metadata =
        range.v4_at != kNoV4 && KindOfAddress(real.EmbeddedV4(range.v4_at)) == kMetadata;
    return leads_to_metadata ? kMetadata : range.kind;
  }
  return real.is_v4() || kGlobalUnicast.Contains(real) ? "" : "not given out";
}

absl::StatusOr<UrlHost> ParseUrlHost(absl::string_view host) {
  UrlHost parsed{.text = absl::AsciiStrToLower(host)};
  if (host.empty()) return absl::InvalidArgumentError("has no host");
  if (absl::StartsWith(host, "[")) {
    const bool closed = host.size() > 2 && host.back() == ']';
    parsed.text = closed ? parsed.text.substr(1, host.size() - 2) : "";
    absl::StatusOr<IpAddress> address = IpAddress::Parse(parsed.text);
    if (!address.ok() || address->is_v4()) {
      return absl::InvalidArgumentError("has no IPv6 address in its brackets; zones are not taken");
    }
    parsed.kind = UrlHost::Kind::kAddress;
    parsed.address = *address;
    return parsed;
  }
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(host);
  if (address.ok() && address->is_v4()) {
    parsed.kind = UrlHost::Kind::kAddress;
    parsed.address = *address;
    return parsed;
  }
  ONETAKE_RETURN_IF_ERROR(CheckName(parsed.text));
  if (parsed.text == "localhost") parsed.kind = UrlHost::Kind::kLocalhost;
  return parsed;
}

absl::StatusOr<std::vector<IpNetwork>> ParseAllowedNetwork(absl::string_view text) {
  constexpr int kShortestV4 = 8;
  constexpr int kShortestV6 = 7;
  if (text == "loopback") return std::vector{Network("127.0.0.0/8"), Network("::1")};
  if (text == "private") {
    return std::vector{Network("10.0.0.0/8"), Network("172.16.0.0/12"), Network("192.168.0.0/16"),
                       Network("fc00::/7")};
  }
  absl::StatusOr<IpNetwork> network = IpNetwork::Parse(text);
  if (!network.ok()) {
    return absl::InvalidArgumentError(
        "is no network: an address, ADDRESS/BITS such as 10.0.0.0/8 with no bit set behind the "
        "BITS, loopback or private");
  }
  if (!(network->base.Unmapped() == network->base)) {
    return absl::InvalidArgumentError("is an IPv4 network in IPv6's form: write 10.0.0.0/8");
  }
  if (network->prefix < (network->base.is_v4() ? kShortestV4 : kShortestV6)) {
    return absl::InvalidArgumentError(
        "is nearly everything: name the network that is meant, at most a /8 (IPv6: a /7)");
  }
  return std::vector{*network};
}

bool IsLoopbackHost(const UrlHost& host) {
  return host.kind == UrlHost::Kind::kLocalhost ||
         (host.kind == UrlHost::Kind::kAddress && IsLoopbackAddress(host.address));
}

absl::StatusOr<EgressPolicy> EgressPolicy::Make(Wire wire, UrlHost host,
                                                std::vector<IpNetwork> allow_networks) {
  const EgressPolicy policy(wire, std::move(host), std::move(allow_networks));
  const UrlHost& checked = policy.host_;
  if (checked.kind == UrlHost::Kind::kAddress) {
    const absl::Status status = policy.Check(checked.address);
    if (!status.ok()) return absl::InvalidArgumentError(status.message());
  }
  const bool is_name = checked.kind == UrlHost::Kind::kName;
  if (is_name && wire == Wire::kClear && policy.allow_networks_.empty()) {
    return absl::InvalidArgumentError(
        "is http, which everybody on the way can read: https; only this machine, and what "
        "allow_networks names, is called by http");
  }
  return policy;
}

absl::Status EgressPolicy::Check(const IpAddress& address) const {
  const IpAddress real = address.Unmapped();
  const absl::string_view kind = KindOfAddress(real);
  if (IsLoopbackHost(host_)) {
    if (kind == "loopback") return absl::OkStatus();
    return absl::FailedPreconditionError("the host is this machine, and the address is not");
  }
  const bool allowed =
      std::any_of(allow_networks_.begin(), allow_networks_.end(), [&](const IpNetwork& network) {
        return network.Contains(real) && (kind != kMetadata || network.IsOneAddress());
      });
  if (allowed) return absl::OkStatus();
  if (!kind.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the host's address is not public but ", kind,
                     ": only allow_networks can let requests go there"));
  }
  if (wire_ == Wire::kTls) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the host's address is public, and http can be read on the way: https, or name its network "
      "in allow_networks");
}

}  // namespace onetake
