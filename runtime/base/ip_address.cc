#include "runtime/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr int kBitsOfByte = 8;
constexpr size_t kMappedOffset = 12;

// The bits of byte `index` that belong to a prefix of `prefix` bits.
uint8_t MaskOf(int prefix, size_t index) {
  const int bits = std::clamp(prefix - static_cast<int>(index) * kBitsOfByte, 0, kBitsOfByte);
  return static_cast<uint8_t>(0xff << (kBitsOfByte - bits));
}

}  // namespace

IpAddress IpAddress::V4(std::array<uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V6(std::array<uint8_t, 16> bytes) {
  IpAddress address;
  address.is_v4_ = false;
  address.bytes_ = bytes;
  return address;
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  // inet_pton reads up to the first NUL.
  const std::string terminated(text);
  if (!absl::StrContains(text, '\0')) {
    std::array<uint8_t, 4> v4;
    if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return V4(v4);
    std::array<uint8_t, 16> v6;
    if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return V6(v6);
  }
  return absl::InvalidArgumentError("is no IP address: 10.0.0.1 or fd00::1");
}

IpAddress IpAddress::Unmapped() const {
  static constexpr std::array<uint8_t, kMappedOffset> kMapped = {0, 0, 0, 0, 0,    0,
                                                                 0, 0, 0, 0, 0xff, 0xff};
  if (is_v4_ || !std::equal(kMapped.begin(), kMapped.end(), bytes_.begin())) return *this;
  return EmbeddedV4(kMappedOffset);
}

IpAddress IpAddress::EmbeddedV4(size_t offset) const {
  return V4({bytes_[offset], bytes_[offset + 1], bytes_[offset + 2], bytes_[offset + 3]});
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(is_v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

absl::StatusOr<IpNetwork> IpNetwork::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  IpNetwork network;
  ONETAKE_ASSIGN_OR_RETURN(network.base, IpAddress::Parse(text.substr(0, slash)));
  const int most = network.base.is_v4() ? 32 : 128;
  network.prefix = most;
  if (slash != absl::string_view::npos) {
    const absl::string_view digits = text.substr(slash + 1);
    const bool plain = !digits.empty() && digits.size() <= 3 &&
                       digits.find_first_not_of("0123456789") == absl::string_view::npos;
    if (!plain || !absl::SimpleAtoi(digits, &network.prefix) || network.prefix > most) {
      return absl::InvalidArgumentError(absl::StrCat("must have 0 to ", most, " behind the /"));
    }
  }
  for (size_t i = 0; i < network.base.bytes().size(); ++i) {
    if ((network.base.bytes()[i] & ~MaskOf(network.prefix, i)) == 0) continue;
    return absl::InvalidArgumentError("has bits behind its prefix that are not 0: 10.0.0.0/8");
  }
  return network;
}

bool IpNetwork::Contains(const IpAddress& address) const {
  if (address.is_v4() != base.is_v4()) return false;
  for (size_t i = 0; i < base.bytes().size(); ++i) {
    if (((address.bytes()[i] ^ base.bytes()[i]) & MaskOf(prefix, i)) != 0) return false;
  }
  return true;
}

std::string IpNetwork::ToString() const { return absl::StrCat(base.ToString(), "/", prefix); }

}  // namespace onetake
