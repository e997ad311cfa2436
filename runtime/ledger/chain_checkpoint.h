#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/signing_key.h"

namespace onetake {

// The signed statement that a chain had come so far at some time. It is a line of JSON, the fields
// in this order:
//
//   {"instance":"<meta.instance_id>","seq":1200,"hash":"<64
//   hex>","at":"2026-06-24T19:00:00.000000Z",
//   "key_id":"<16 hex>","signature":"<128 hex>"}
//
// CHAIN.md says what is signed.
struct Checkpoint {
  std::string instance;
  ChainHead head;
  std::string at;
  std::string key_id;
  std::string signature;  // bytes

  // The bytes that are signed.
  std::string Message() const;
  std::string ToJson() const;  // without an end of line
  // INVALID_ARGUMENT: `json` is no checkpoint, whoever signed it.
  static absl::StatusOr<Checkpoint> FromJson(absl::string_view json);
};

Checkpoint Sign(const SigningKey& key, std::string instance, const ChainHead& head, absl::Time at);

}  // namespace onetake
