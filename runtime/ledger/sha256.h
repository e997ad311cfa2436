#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace onetake {

struct Digest {
  static constexpr size_t kBytes = 32;
  std::array<char, kBytes> bytes{};

  absl::string_view view() const { return {bytes.data(), bytes.size()}; }
  std::string ToHex() const;
  friend bool operator==(const Digest& a, const Digest& b) { return a.bytes == b.bytes; }
};

// SHA-256 by OpenSSL, with one context for all digests. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  // The digest of the pieces, one after another.
  Digest Of(std::initializer_list<absl::string_view> pieces);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace onetake
