#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/secret.h"

namespace onetake {

// A key that is stored only wrapped, by the key above it.
struct WrappedKey {
  std::string master;  // id of the master key that wrapped it
  std::string bytes;   // sealed
};

// The key hierarchy of a ledger: a master key, which the operator keeps, wraps the data keys of the
// tenants; a tenant's data key wraps one key for each intent; that one seals the intent's fields.
// To destroy the key of an intent is to erase what it sealed, in one small row.
//
// The ring holds the master keys (the current one, and earlier ones as long as something is wrapped
// with them) and the data keys that were unwrapped. Thread-safe.
class KeyRing {
 public:
  // `masters` has the current one first, then earlier ones; each is at least 32 bytes of secret
  // text. There must be at least one.
  explicit KeyRing(std::vector<Secret> masters);

  // Names the current master key without telling anything of it: 16 hex digits.
  std::string CurrentMaster() const;
  // Takes other master keys. `rewrap` wraps again what is stored, while the earlier master keys are
  // still known; when it fails the ring is as it was. Returns what `rewrap` returned.
  absl::StatusOr<int64_t> Rotate(std::vector<Secret> masters,
                                 absl::FunctionRef<absl::StatusOr<int64_t>()> rewrap);

  // Makes a new data key of `tenant`, wrapped by the current master key.
  absl::StatusOr<WrappedKey> NewDataKey(absl::string_view tenant) const;
  // Returns the same data key, wrapped by the current master key. FAILED_PRECONDITION as DataKey().
  absl::StatusOr<WrappedKey> Rewrap(absl::string_view tenant, const WrappedKey& wrapped) const;
  // Unwraps the key, or finds what was unwrapped before. FAILED_PRECONDITION: no master key of the
  // ring has this id; the message names it. DATA_LOSS: one has, but the wrapped key does not open.
  absl::StatusOr<std::shared_ptr<const Secret>> DataKey(absl::string_view tenant,
                                                        const WrappedKey& wrapped);

 private:
  struct Master {
    std::string id;
    std::shared_ptr<const Secret> key;
  };
  static std::vector<Master> MastersOf(std::vector<Secret> texts);
  absl::StatusOr<Secret> Unwrap(absl::string_view tenant, const WrappedKey& wrapped) const;
  absl::StatusOr<WrappedKey> Wrap(absl::string_view tenant, const Secret& key) const;

  mutable absl::Mutex mutex_;
  std::vector<Master> masters_ ABSL_GUARDED_BY(mutex_);
  // Keyed by tenant and wrapped bytes: what is stored says which key is meant, so a change that was
  // rolled back leaves nothing wrong behind.
  std::map<std::string, std::shared_ptr<const Secret>, std::less<>> unwrapped_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
