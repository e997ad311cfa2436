#include "runtime/seal/key_ring.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/status.h"
#include "runtime/seal/aead.h"

namespace onetake {
namespace {

constexpr absl::string_view kMasterDomain = "onetake/seal/master/v1";
constexpr absl::string_view kMasterIdDomain = "onetake/seal/master-id/v1";
constexpr absl::string_view kDataKeyDomain = "onetake/seal/data-key/v1";
constexpr size_t kMasterIdBytes = 8;
constexpr size_t kMostUnwrapped = 10'000;

}  // namespace

std::vector<KeyRing::Master> KeyRing::MastersOf(std::vector<Secret> texts) {
  ONETAKE_CHECK(!texts.empty());
  std::vector<Master> masters;
  for (const Secret& text : texts) {
    const Secret id = DeriveKey(text, {kMasterIdDomain});
    masters.push_back({absl::BytesToHexString(id.Reveal().substr(0, kMasterIdBytes)),
                       std::make_shared<const Secret>(DeriveKey(text, {kMasterDomain}))});
  }
  return masters;
}

KeyRing::KeyRing(std::vector<Secret> masters) : masters_(MastersOf(std::move(masters))) {}

std::string KeyRing::CurrentMaster() const {
  const absl::MutexLock lock(&mutex_);
  return masters_.front().id;
}

absl::StatusOr<int64_t> KeyRing::Rotate(std::vector<Secret> masters,
                                        absl::FunctionRef<absl::StatusOr<int64_t>()> rewrap) {
  std::vector<Master> made = MastersOf(std::move(masters));
  std::vector<Master> before;
  {
    const absl::MutexLock lock(&mutex_);
    before = masters_;
    masters_ = made;
    masters_.insert(masters_.end(), before.begin(), before.end());
  }
  absl::StatusOr<int64_t> rewrapped = rewrap();
  const absl::MutexLock lock(&mutex_);
  if (rewrapped.ok()) {
    masters_ = std::move(made);
  } else {
    // The new master keys may have wrapped a data key meanwhile.
    masters_ = std::move(before);
    masters_.insert(masters_.end(), made.begin(), made.end());
  }
  return rewrapped;
}

absl::StatusOr<WrappedKey> KeyRing::Wrap(absl::string_view tenant, const Secret& key) const {
  Master current;
  {
    const absl::MutexLock lock(&mutex_);
    current = masters_.front();
  }
  ONETAKE_ASSIGN_OR_RETURN(std::string bytes,
                           Seal(*current.key, SealContext({kDataKeyDomain, tenant}), key.Reveal()));
  return WrappedKey{std::move(current.id), std::move(bytes)};
}

absl::StatusOr<WrappedKey> KeyRing::NewDataKey(absl::string_view tenant) const {
  ONETAKE_ASSIGN_OR_RETURN(const Secret key, NewSealKey());
  return Wrap(tenant, key);
}

absl::StatusOr<Secret> KeyRing::Unwrap(absl::string_view tenant, const WrappedKey& wrapped) const {
  std::shared_ptr<const Secret> master;
  {
    const absl::MutexLock lock(&mutex_);
    for (const Master& candidate : masters_) {
      if (candidate.id == wrapped.master) master = candidate.key;
    }
  }
  if (master == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ledger is sealed under master key ", wrapped.master,
                     ", which is not configured: name it as sealing.master or among "
                     "sealing.previous. A backup from before a rotation needs the key of then"));
  }
  ONETAKE_ASSIGN_OR_RETURN(std::string key,
                           Unseal(*master, SealContext({kDataKeyDomain, tenant}), wrapped.bytes));
  if (key.size() != kSealKeyBytes) return absl::DataLossError("a data key has a wrong size");
  return Secret(std::move(key));
}

absl::StatusOr<WrappedKey> KeyRing::Rewrap(absl::string_view tenant,
                                           const WrappedKey& wrapped) const {
  ONETAKE_ASSIGN_OR_RETURN(const Secret key, Unwrap(tenant, wrapped));
  return Wrap(tenant, key);
}

absl::StatusOr<std::shared_ptr<const Secret>> KeyRing::DataKey(absl::string_view tenant,
                                                               const WrappedKey& wrapped) {
  const std::string name = SealContext({tenant, wrapped.master, wrapped.bytes});
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = unwrapped_.find(name);
    if (found != unwrapped_.end()) return found->second;
  }
  ONETAKE_ASSIGN_OR_RETURN(Secret key, Unwrap(tenant, wrapped));
  auto shared = std::make_shared<const Secret>(std::move(key));
  const absl::MutexLock lock(&mutex_);
  if (unwrapped_.size() >= kMostUnwrapped) unwrapped_.clear();
  unwrapped_.emplace(name, shared);
  return shared;
}

}  // namespace onetake
