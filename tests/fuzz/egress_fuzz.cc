// Hosts of URLs, and addresses that names lead to. What the C library reads as an address is the
// same one to us, or refused; and nothing inside this machine, its network or a cloud is asked
// unless it is allowed.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "runtime/policy/egress.h"
#include "tests/fuzz/fuzz.h"

namespace onetake {
namespace {

void CheckHost(absl::string_view text) {
  const auto host = ParseUrlHost(text);
  if (!host.ok()) return;
  in_addr v4{};  // inet_aton takes 0x7f.1 and 2130706433, as resolvers do
  in6_addr v6{};
  const bool is_v4 = inet_aton(host->text.c_str(), &v4) != 0;
  const bool is_v6 = inet_pton(AF_INET6, host->text.c_str(), &v6) == 1;
  if (host->kind != UrlHost::Kind::kAddress) {
    ONETAKE_CHECK(!is_v4 && !is_v6);
    return;
  }
  const uint8_t* bytes = host->address.bytes().data();
  ONETAKE_CHECK(host->address.is_v4() ? is_v4 && std::memcmp(bytes, &v4, sizeof v4) == 0
                                      : is_v6 && std::memcmp(bytes, &v6, sizeof v6) == 0);
  const auto again = IpAddress::Parse(host->address.ToString());
  ONETAKE_CHECK(again.ok() && *again == host->address);
}

// The plain rules again, by the bytes alone. Not all of what is not public, but none that is.
bool IsInside(const IpAddress& address) {
  const IpAddress real = address.Unmapped();
  const auto& b = real.bytes();
  if (!real.is_v4()) {
    const IpAddress nat64 = real.EmbeddedV4(12);
    if (!(*IpNetwork::Parse("64:ff9b::/96")).Contains(real)) return (b[0] & 0xe0) != 0x20;
    return IsInside(nat64);
  }
  return b[0] == 0 || b[0] == 10 || b[0] == 127 || b[0] >= 224 || (b[0] == 172 && b[1] >> 4 == 1) ||
         (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
         (b[0] == 100 && b[1] >> 6 == 1) || real.ToString() == "168.63.129.16";
}

// The metadata of most clouds, however it is written.
bool IsMetadata(const IpAddress& address) {
  const std::string text = address.Unmapped().ToString();
  return text == "169.254.169.254" || text == "fd00:ec2::254" || text == "64:ff9b::a9fe:a9fe";
}

void CheckAddress(const IpAddress& address, const std::vector<IpNetwork>& allowed) {
  const auto host = ParseUrlHost("api.example.com");
  const auto policy = EgressPolicy::Make(EgressPolicy::Wire::kTls, *host, allowed);
  ONETAKE_CHECK(policy.ok());
  if (!policy->Check(address).ok()) return;
  const auto names = [&](const IpNetwork& network) { return network.Contains(address.Unmapped()); };
  const auto named = std::find_if(allowed.begin(), allowed.end(), names);
  if (IsInside(address)) ONETAKE_CHECK(named != allowed.end());
  if (!IsMetadata(address)) return;
  ONETAKE_CHECK(std::any_of(allowed.begin(), allowed.end(), [&](const IpNetwork& network) {
    return names(network) && network.IsOneAddress();
  }));
}

std::vector<IpNetwork> Allowed(absl::string_view text) {
  const auto networks = ParseAllowedNetwork(text);
  if (!networks.ok()) return {};
  for (const IpNetwork& network : *networks) {
    ONETAKE_CHECK(network.Contains(network.base));
    const auto again = IpNetwork::Parse(network.ToString());
    ONETAKE_CHECK(again.ok() && again->base == network.base && again->prefix == network.prefix);
  }
  return *networks;
}

}  // namespace
}  // namespace onetake

// A host or an address, a network of allow_networks, and bytes of an address.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  absl::string_view text = TextOf(data, size);
  const absl::string_view line = TakeLine(text);
  CheckHost(line);
  const std::vector<IpNetwork> allowed = Allowed(TakeLine(text));
  if (const auto address = IpAddress::Parse(line); address.ok()) CheckAddress(*address, allowed);
  std::array<uint8_t, 4> v4{};
  std::array<uint8_t, 16> v6{};
  std::copy_n(text.begin(), std::min(text.size(), v4.size()), v4.begin());
  std::copy_n(text.begin(), std::min(text.size(), v6.size()), v6.begin());
  CheckAddress(IpAddress::V4(v4), allowed);
  CheckAddress(IpAddress::V6(v6), allowed);
  return 0;
}
