#include "runtime/ledger/chain.h"

#include <algorithm>
#include <array>

#include "runtime/base/status.h"

namespace onetake {
namespace {

// Each domain includes the zero byte at its end, so that none begins another.
template <size_t N>
constexpr absl::string_view WithZero(const char (&text)[N]) {
  return {text, N};
}
constexpr absl::string_view kGenesisDomain = WithZero("onetake.ledger.genesis.1");
constexpr absl::string_view kRowsDomain = WithZero("onetake.ledger.rows.1");
constexpr absl::string_view kLinkDomain = WithZero("onetake.ledger.link.1");

}  // namespace

Digest ChainHasher::Genesis(absl::string_view instance_id) {
  return sha256_.Of({kGenesisDomain, instance_id});
}

Digest ChainHasher::Rows(absl::string_view encoded) { return sha256_.Of({kRowsDomain, encoded}); }

Digest ChainHasher::Link(int64_t seq, const Digest& previous, const Digest& record) {
  std::array<char, 8> number;
  for (size_t i = 0; i < number.size(); ++i) {
    number[i] = static_cast<char>((static_cast<uint64_t>(seq) >> (8 * (7 - i))) & 0xff);
  }
  return sha256_.Of({kLinkDomain, {number.data(), number.size()}, previous.view(), record.view()});
}

absl::StatusOr<Digest> ReadGenesis(Database& database, ChainHasher& hasher) {
  const absl::StatusOr<std::string> instance =
      database.QueryText("SELECT value FROM meta WHERE name = 'instance_id'");
  if (absl::IsNotFound(instance.status())) {
    return absl::DataLossError("the ledger has no instance id");
  }
  ONETAKE_RETURN_IF_ERROR(instance.status());
  return hasher.Genesis(*instance);
}

absl::StatusOr<Digest> ToDigest(absl::string_view bytes) {
  Digest digest;
  if (bytes.size() != Digest::kBytes) return absl::DataLossError("a hash has not 32 bytes");
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

void AppendPart(Part part, const Digest& digest, std::string& digests) {
  digests.push_back(static_cast<char>(part));
  digests.append(digest.view().data(), Digest::kBytes);
}

absl::string_view FindPart(absl::string_view digests, Part part) {
  constexpr size_t kPartBytes = 1 + Digest::kBytes;
  for (; digests.size() >= kPartBytes; digests.remove_prefix(kPartBytes)) {
    if (digests.front() == static_cast<char>(part)) return digests.substr(1, Digest::kBytes);
  }
  return "";
}

}  // namespace onetake
