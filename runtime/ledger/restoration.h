#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/checkpoint_keeper.h"
#include "runtime/ledger/event_log.h"
#include "runtime/store/database.h"

namespace onetake {

// What to do with a ledger that does not hold what its last checkpoint signs: it was restored from
// an older copy, or tampered with. What was written between is unknown to it, so it would let
// writes be made twice.
enum class RestoredLedger {
  kRefuse,
  // Somebody knows, and goes on. One that holds all that is signed goes on in the same way: nothing
  // shows of a copy that was made together with its checkpoints.
  kAccept,
  kLost,  // there is none any more; somebody knows, and begins an empty one (lost_ledger.h)
};

// FAILED_PRECONDITION, saying what to do: the chain does not hold what `keeper`'s last checkpoint
// signs; there is none, or no file, although there was one; or the ledger is marked as a backup's
// copy, or as one in the place of a lost one. When there never was one it makes the file, and then
// remembers in the ledger that there is one, and whether a checkpoint is in it.
absl::Status CheckNotRestored(CheckpointKeeper& keeper, EventLog& events, Database& writer,
                              absl::Time now);

// To be called before the file is opened. FAILED_PRECONDITION: it is a backup's copy, and beside it
// is a WAL. SQLite would take that for the copy's, by its name, and put pages of another file into
// it. As AcceptRestored() leaves no WAL, nothing that was acknowledged is in one.
absl::Status CheckWalIsOwn(const std::string& path, const std::string& vfs);

// Puts on record that the ledger goes on from an older copy: an event, the next epoch and the time
// in `meta`, in one transaction. Then moves its checkpoints away, so that CheckNotRestored() begins
// a new file. To be called before the ledger is used. A crash between the two leaves a ledger that
// its checkpoints do not fit, or one that goes on.
absl::Status AcceptRestored(Database& writer, EventLog& events, const std::string& checkpoints,
                            absl::Time now);

// Whether AcceptRestored() was done so lately that it was for the same restore: by a start that
// failed afterwards, or was repeated by whoever supervises it.
absl::StatusOr<bool> IsAcceptedAlready(Database& database, absl::Time now);

// Remembers in the ledger that there are checkpoints: from then on they are missed when they are
// gone. Runs in a transaction of the writer's.
absl::Status RememberCheckpoints(Database& writer);

// When AcceptRestored() was last done, and the time of the last event before that; nothing when it
// never was.
struct Restoration {
  absl::Time at;
  absl::Time lost_since;
};
absl::StatusOr<std::optional<Restoration>> LastRestoration(Database& database);

// Marks a copy, so that it is not taken for the ledger itself.
absl::Status MarkAsCopy(Database& writer, absl::Time now);
// Marks an empty ledger as one in the place of a lost one, until that is on record.
absl::Status MarkAsInPlaceOfLost(Database& writer, absl::Time now);

}  // namespace onetake
