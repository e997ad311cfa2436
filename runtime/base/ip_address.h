#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// An IPv4 or IPv6 address. A value; ::ffff:10.0.0.1 and 10.0.0.1 are two of them.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress V4(std::array<uint8_t, 4> bytes);
  static IpAddress V6(std::array<uint8_t, 16> bytes);

  // Four decimal numbers without leading zeros, or the text of RFC 4291, section 2.2. No other form
  // that inet_aton(3) takes, no brackets, no zone. INVALID_ARGUMENT.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  bool is_v4() const { return is_v4_; }
  // The bytes of the address. IPv4 uses the first 4, the others are 0.
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // For ::ffff:a.b.c.d the address a.b.c.d, to which the system connects; else the address itself.
  IpAddress Unmapped() const;
  // The four bytes from `offset` of an IPv6 address, as the IPv4 address that they hold.
  IpAddress EmbeddedV4(size_t offset) const;
  std::string ToString() const;

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.is_v4_ == b.is_v4_ && a.bytes_ == b.bytes_;
  }

 private:
  bool is_v4_ = true;
  std::array<uint8_t, 16> bytes_{};
};

// All addresses that begin with the same bits.
struct IpNetwork {
  IpAddress base;
  int prefix = 32;  // bits: 0..32, of IPv6 0..128

  // Reads "10.0.0.0/8", "fd00::/8", or an address, which is a network of one. INVALID_ARGUMENT says
  // what is wrong; bits behind the prefix must be 0.
  static absl::StatusOr<IpNetwork> Parse(absl::string_view text);

  // An address of the other family is never contained.
  bool Contains(const IpAddress& address) const;
  bool IsOneAddress() const { return prefix == (base.is_v4() ? 32 : 128); }
  std::string ToString() const;
};

}  // namespace onetake
