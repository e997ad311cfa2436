#include "runtime/ledger/chain_checkpoint.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/row_encoding.h"

namespace onetake {
namespace {

constexpr char kDomain[] = "onetake.ledger.checkpoint.1";

using Json = nlohmann::ordered_json;

absl::Status Malformed() { return absl::InvalidArgumentError("is not a checkpoint"); }

// Decodes `bytes` bytes from lower-case hex.
absl::StatusOr<std::string> FromHex(const std::string& hex, size_t bytes) {
  std::string raw = absl::HexStringToBytes(hex);
  if (hex.size() != 2 * bytes || absl::BytesToHexString(raw) != hex) return Malformed();
  return raw;
}

}  // namespace

// The message is encoded like the chain's rows, as a row of no table.
std::string Checkpoint::Message() const {
  RowEncoding row;
  row.Begin(absl::string_view(kDomain, sizeof(kDomain)));
  row.Text("instance", instance);
  row.Int("seq", head.seq);
  row.Blob("hash", head.hash.view());
  row.Text("at", at);
  row.End();
  return std::string(row.bytes());
}

std::string Checkpoint::ToJson() const {
  return Json({{"instance", instance},
               {"seq", head.seq},
               {"hash", head.hash.ToHex()},
               {"at", at},
               {"key_id", key_id},
               {"signature", absl::BytesToHexString(signature)}})
      .dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

absl::StatusOr<Checkpoint> Checkpoint::FromJson(absl::string_view json) {
  const Json parsed = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || parsed.size() != 6) return Malformed();
  for (const char* name : {"instance", "hash", "at", "key_id", "signature"}) {
    if (!parsed.contains(name) || !parsed[name].is_string()) return Malformed();
  }
  if (!parsed.contains("seq") || !parsed["seq"].is_number_integer()) return Malformed();
  Checkpoint checkpoint;
  checkpoint.instance = parsed["instance"].get<std::string>();
  checkpoint.head.seq = parsed["seq"].get<int64_t>();
  checkpoint.at = parsed["at"].get<std::string>();
  checkpoint.key_id = parsed["key_id"].get<std::string>();
  ONETAKE_ASSIGN_OR_RETURN(const std::string hash,
                           FromHex(parsed["hash"].get<std::string>(), Digest::kBytes));
  ONETAKE_ASSIGN_OR_RETURN(checkpoint.head.hash, ToDigest(hash));
  ONETAKE_ASSIGN_OR_RETURN(checkpoint.signature,
                           FromHex(parsed["signature"].get<std::string>(), 64));
  return checkpoint;
}

Checkpoint Sign(const SigningKey& key, std::string instance, const ChainHead& head, absl::Time at) {
  Checkpoint checkpoint;
  checkpoint.instance = std::move(instance);
  checkpoint.head = head;
  checkpoint.at = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", at, absl::UTCTimeZone());
  checkpoint.key_id = key.verifying_key().id();
  checkpoint.signature = key.Sign(checkpoint.Message());
  return checkpoint;
}

}  // namespace onetake
