#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "tests/io/book.h"
#include "tests/io/place.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake::io {

// A ledger on a disk that may fail, and the book of what it has told. Expects, of every write:
//   - nothing fails for no reason;
//   - RESOURCE_EXHAUSTED: it was refused, the ledger goes on, and when the disk is well again the
//     same write works;
//   - any other error: the ledger has stopped, which it says once, and stays so;
//   - OK: no write or sync has failed meanwhile;
// and of every read that it answers as the book says, or with an error while an operation fails.
// Single-threaded.
class WatchedLedger {
 public:
  explicit WatchedLedger(Place place) : place_(std::move(place)) {}

  // A start. When it fails, the disk is made well and it has to work. False: it cannot be.
  bool Open();
  void Close();
  bool is_open() const { return ledger_ != nullptr; }
  bool has_stopped() const { return stops_ > 0; }
  SqliteLedger& operator*() { return *ledger_; }
  SqliteLedger* operator->() { return ledger_.get(); }

  using Done = std::function<void(const absl::Status&)>;
  // `start` begins a write, which makes these changes. True: it was told so.
  bool Write(const Contents& changes, const std::function<void(const Done& done)>& start);
  // The same of a record that nobody is told about.
  void Record(const Contents& changes, CallRecord call);
  // As the engine looks: by the intent's id and by the call that claimed it.
  void Look(int n);
  // All that it holds, as engine and auditors are told it.
  absl::StatusOr<Contents> Observe();
  // Observe(), held against the book.
  void Compare();
  // What happens between writes; may stop the ledger.
  void Idle();
  // When it has stopped, nothing is written any more, however well the disk is.
  void ExpectToStayStopped();

  // As the server opens one, but in manual mode; nothing stops the process.
  static SqliteLedger::Options Options(const Place& place);
  static std::string IntentName(int n);
  // As Observe() has it: what Lookup says, and the kinds of its events, each behind a comma.
  static std::string Text(const IntentRecord& intent, const std::string& kinds);
  static std::string Text(const CallRecord& call, const std::string& intent_id);

  const Place& place() const { return place_; }
  Book& book() { return book_; }

 private:
  absl::Status Await(const std::function<void(const Done& done)>& start);
  enum class Next { kDone, kAgain };
  Next Judge(const absl::Status& outcome, int64_t failures_before, const Contents& changes);
  absl::Status ObserveIntents(Contents& found);
  absl::Status ObserveUnsettled(const Contents& found);
  absl::Status ObserveRest(Contents& found);
  template <typename T, typename Start>
  absl::StatusOr<T> Ask(Start start);

  Place place_;
  testing::SimScheduler clock_;
  std::unique_ptr<SqliteLedger> ledger_;
  Book book_;
  int stops_ = 0;
};

}  // namespace onetake::io
