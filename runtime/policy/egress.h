#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/base/ip_address.h"

// Where requests of tools may go. Pure: who connects asks for every address, and connects to the
// one it asked for.
//
// Public is what may be reached over the Internet by the registries of IANA: "IPv4 Special-Purpose
// Address Registry" (RFC 6890 and its updates), "IPv6 Special-Purpose Address Registry", and
// "Internet Protocol Version 6 Address Space", of which only 2000::/3 is given out. Addresses
// inside addresses: RFC 4291 section 2.5.5 (compatible, mapped), RFC 6052 and 8215 (NAT64), RFC
// 3056 (6to4), RFC 4380 (Teredo). The metadata addresses are those that the providers document
// (egress.cc says whose), and every IPv6 address that holds one of IPv4. By a network around them
// none can be allowed.
namespace onetake {

// The host of a URL.
struct UrlHost {
  enum class Kind { kName, kLocalhost, kAddress };
  Kind kind = Kind::kName;
  std::string text;   // in lower case, without brackets
  IpAddress address;  // kAddress
};

// Takes names of ASCII letters, digits, `-` and `_`, addresses as IpAddress::Parse() takes them,
// and [IPv6]. INVALID_ARGUMENT, quoting nothing, for all that different readers of URLs read
// differently: other forms of IPv4 (2130706433, 0x7f.1, 0177.0.0.1), zones, a dot at the end,
// percent signs, what is not ASCII.
absl::StatusOr<UrlHost> ParseUrlHost(absl::string_view host);

// A network of `allow_networks`: as IpNetwork::Parse(), or `loopback` or `private` (RFC 1918 and
// fc00::/7), which are several. INVALID_ARGUMENT also for more than a /8, or a /7 of IPv6: that
// would be all.
absl::StatusOr<std::vector<IpNetwork>> ParseAllowedNetwork(absl::string_view text);

// What connections one URL may make:
//   - a host that is written as localhost or an address of loopback: to loopback;
//   - any other one: to public addresses, and to those in `allow_networks`; by http, which
//   everybody
//     on the way can read, only to those. A name that leads to loopback is not `loopback`;
//   - to metadata of a cloud only when that very address is allowed, not a network around it.
class EgressPolicy {
 public:
  enum class Wire { kTls, kClear };

  // INVALID_ARGUMENT, quoting nothing of the host, when no connection could be right: an address
  // that is not allowed, or http to a name without any `allow_networks`.
  static absl::StatusOr<EgressPolicy> Make(Wire wire, UrlHost host,
                                           std::vector<IpNetwork> allow_networks);

  const UrlHost& host() const { return host_; }

  // FAILED_PRECONDITION says what the address is and what would allow it.
  absl::Status Check(const IpAddress& address) const;

 private:
  EgressPolicy(Wire wire, UrlHost host, std::vector<IpNetwork> allow_networks)
      : wire_(wire), host_(std::move(host)), allow_networks_(std::move(allow_networks)) {}

  Wire wire_;
  UrlHost host_;
  std::vector<IpNetwork> allow_networks_;
};

bool IsLoopbackHost(const UrlHost& host);

// What an address is that is not public: "private", "loopback" ...; empty: it is public.
absl::string_view KindOfAddress(const IpAddress& address);

}  // namespace onetake
