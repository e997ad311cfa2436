#pragma once

#include <openssl/crypto.h>

#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace onetake {

// A value that no logger can print and no comparison leaves early. Wiped when it dies.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) { Wipe(value); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { Wipe(other.value_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe(value_);
      value_ = std::move(other.value_);
      Wipe(other.value_);
    }
    return *this;
  }
  ~Secret() { Wipe(value_); }

  // Constant time for equal lengths; compare digests where lengths may differ.
  bool Equals(absl::string_view other) const {
    return value_.size() == other.size() &&
           CRYPTO_memcmp(value_.data(), other.data(), other.size()) == 0;
  }
  absl::string_view Reveal() const { return value_; }  // easy to grep: few callers
  bool empty() const { return value_.empty(); }

 private:
  // Wipes the whole buffer: a moved-from short string has size 0 but still holds its old bytes.
  static void Wipe(std::string& value) {
    value.resize(
        value.capacity());  // NOLINT(clang-analyzer-cplusplus.Move): its bytes are the point
    OPENSSL_cleanse(value.data(), value.size());
    value.clear();
  }
  std::string value_;
};

}  // namespace onetake
