// Sealed fields and wrapped keys: what was sealed opens in its place, and nothing else does: not a
// byte of it changed, not a part of it, not in another place.
#include <string>
#include <utility>
#include <vector>

#include "runtime/seal/aead.h"
#include "runtime/seal/key_ring.h"
#include "tests/fuzz/fuzz.h"

namespace onetake {
namespace {

// Where a sealed text is damaged, and how.
struct Damage {
  size_t at = 0;
  char flips = 1;

  std::string Changed(std::string text) const {
    text[at % text.size()] ^= flips;
    return text;
  }
  std::string Cut(const std::string& text) const { return text.substr(0, at % text.size()); }
};

void CheckField(absl::string_view context, absl::string_view text, const Damage& damage) {
  static const Secret& key = *new Secret(std::string(kSealKeyBytes, 'k'));
  const auto sealed = Seal(key, context, text);
  ONETAKE_CHECK(sealed.ok() && sealed->size() == text.size() + kSealOverhead);
  const auto opened = Unseal(key, context, *sealed);
  ONETAKE_CHECK(opened.ok() && *opened == text);
  ONETAKE_CHECK(absl::IsDataLoss(Unseal(key, context, damage.Changed(*sealed)).status()));
  ONETAKE_CHECK(absl::IsDataLoss(Unseal(key, context, damage.Cut(*sealed)).status()));
  ONETAKE_CHECK(!Unseal(key, std::string(context) + "x", *sealed).ok());
  ONETAKE_CHECK(!Unseal(key, text, *sealed).ok() || text == context);
}

void CheckDataKey(absl::string_view tenant, absl::string_view other, const Damage& damage) {
  std::vector<Secret> masters;
  masters.emplace_back(std::string(kSealKeyBytes, 'm'));
  KeyRing ring(std::move(masters));
  const auto wrapped = ring.NewDataKey(tenant);
  ONETAKE_CHECK(wrapped.ok() && ring.DataKey(tenant, *wrapped).ok());
  ONETAKE_CHECK(ring.DataKey(other, *wrapped).ok() == (tenant == other));
  const WrappedKey changed{wrapped->master, damage.Changed(wrapped->bytes)};
  ONETAKE_CHECK(absl::IsDataLoss(ring.DataKey(tenant, changed).status()));
  const WrappedKey foreign{damage.Changed(wrapped->master), wrapped->bytes};
  ONETAKE_CHECK(absl::IsFailedPrecondition(ring.Rewrap(tenant, foreign).status()));
}

}  // namespace
}  // namespace onetake

// Two bytes say where the damage is, one what it is; a context; a text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  if (size < 3 || size > 4 * 1024) return 0;
  const Damage damage{.at = data[0] * size_t{256} + data[1],
                      .flips = static_cast<char>(data[2] == 0 ? 1 : data[2])};
  absl::string_view text = TextOf(data + 3, size - 3);
  const absl::string_view context = TakeLine(text);
  CheckField(context, text, damage);
  CheckDataKey(context, text, damage);
  const bool same = SealContext({context, text}) == SealContext({text, context});
  ONETAKE_CHECK(same == (context == text));
  return 0;
}
