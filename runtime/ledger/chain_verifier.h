#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/chain_base.h"
#include "runtime/ledger/chained_rows.h"
#include "runtime/store/database.h"

namespace onetake {

// Checks the chain of events, and the rows that the events are about, over a reader's connection to
// a copy, or to a ledger that is being written to. It believes nothing but the file's tables: no
// index, no trigger.
//
//   - It goes from event to event in bounded memory, some thousands in one snapshot, so that the
//     WAL may shrink meanwhile.
//   - A row is held against the event that changed it last. Of rows that events say have been
//     removed (`aged`), nothing but their digest is looked at.
//   - It stops at the first finding.
//
// What it cannot see by itself: a chain that somebody who may write the file has computed anew from
// some event on. Signed checkpoints are against that (chain_checkpoint.h). Owned by the thread of
// its connection.
class ChainVerifier {
 public:
  struct Options {
    // The first event to check: what is before is believed, with the hash of its last event. If the
    // chain begins later, the check begins there.
    int64_t from_seq = 1;
  };
  // NOT_FOUND: the ledger has no event before `from_seq`.
  static absl::StatusOr<std::unique_ptr<ChainVerifier>> Prepare(Database& database,
                                                                Options options);

  // Checks up to `max_events` more, in one snapshot. True when there may be more; false at the end
  // of the chain, or when something was found. A status that is not OK says that the file cannot be
  // read, not that somebody changed it.
  absl::StatusOr<bool> Next(int64_t max_events);

  // A part of a chain that was found intact with its rows, from where it begins.
  struct Part {
    ChainBase base;              // where the chain began then
    ChainHead before;            // what it began with
    std::vector<Digest> hashes;  // those of its events
    ChainedRows::Spans rows;
  };
  // Verifies exactly `events` events from `from_seq` on, in one snapshot, apart from what Next()
  // has come to. No value: something was found, or is to be looked at, or there are not so many
  // events; Next() will tell.
  absl::StatusOr<std::optional<Part>> VerifyPart(int64_t from_seq, int64_t events);
  // Goes on behind a part that another verifier has verified in the same file. False: the part does
  // not begin where this one is, and nothing is changed.
  bool Take(Part part);

  // Where the chain began at the last look.
  const ChainBase& base() const { return base_; }
  // The hash of an event that the last Next() or Take() went over, or of the one before those.
  std::optional<Digest> HashAt(int64_t seq) const;

  const std::optional<Finding>& finding() const { return finding_; }
  // The last event that was found intact.
  const ChainHead& head() const { return head_; }
  int64_t events() const { return events_; }

 private:
  ChainVerifier(Database& database, ChainBaseReader reader)
      : database_(database), base_reader_(std::move(reader)), rows_(database) {}
  absl::Status PrepareAll(const Options& options);
  // In the snapshot, reads where the chain begins, which may have moved on, and whether the chain
  // says so.
  absl::Status TakeBase();
  // Looks for events in front of where the chain begins. No link leads to them, and the look-ups by
  // row would take them for events of the chain.
  absl::StatusOr<std::optional<Finding>> FindInFront();
  // Begins behind the event `seq`, whose hash is believed. False: there is no such event.
  absl::StatusOr<bool> BeginAt(int64_t seq);
  absl::Status Check(const Run& row);
  absl::StatusOr<int64_t> ReadPage(int64_t max_events);
  std::optional<Digest> RecordOf(const Run& row);  // none: has a value that the ledger never writes
  absl::StatusOr<Finding> Explain(int64_t seq);
  absl::StatusOr<bool> Fits(int64_t stored_as, int64_t seq, const Digest& previous);
  absl::StatusOr<std::optional<Digest>> StoredHash(int64_t seq);

  Database& database_;
  ChainBaseReader base_reader_;
  ChainBase base_;
  ChainHasher hasher_;
  RowEncoding encoding_;
  ColumnNames names_;
  ChainedRows rows_;
  ChainHead head_;
  // The hashes of what the last page went over: the one before it, then those of its events.
  std::vector<Digest> hashes_;
  int64_t events_ = 0;
  std::optional<Finding> finding_;
  Statement select_events_, select_event_, select_in_front_;
};

}  // namespace onetake
