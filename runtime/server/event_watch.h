#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/server/stream_limits.h"

namespace onetake {

class EventWatches;

// One WatchEvents stream. It looks into the ledger when something was committed, sends what
// matches, a message at a time, and looks again only when that message is taken. So a slow watcher
// costs nothing but its place, and one that takes nothing for long loses it. Owned by the loop.
class EventWatch : public std::enable_shared_from_this<EventWatch> {
 public:
  // The other side of the stream.
  class Writer {
   public:
    virtual ~Writer() = default;
    // Sends a message. Not called again before OnWritten().
    virtual void Write(const v1::WatchEventsResponse& message) = 0;
    // Ends the stream. The last call, at any time.
    virtual void End(absl::Status status) = 0;
  };

  // Whether the watcher may still see what it asked for; asked before each message. May be empty.
  using StillAllowed = std::function<absl::Status()>;
  EventWatch(EventWatches& watches, EventFilter filter, StillAllowed still_allowed, Writer& writer,
             StreamLimits::Place place);

  // Begins behind `after_seq`; if that is absent, with what comes from now on.
  void Begin(std::optional<int64_t> after_seq);
  // Something was committed.
  void Wake();
  // The message was taken.
  void OnWritten();
  // Ends the stream if the watcher may see no more, with the reason.
  void CheckWatcher();
  // Nobody listens any more: the writer is not called again.
  void OnClosed();
  // Ends the stream, saying from where to go on.
  void End(const absl::Status& why);

 private:
  friend class EventWatches;
  void FindEnd();
  void FindEndLater();
  void BeginAfter(int64_t seq);
  void Look();
  void OnPage(absl::StatusOr<EventPage> page);
  void Send(const EventPage& page);
  void Rest();
  void Again(absl::Duration delay);

  EventWatches& watches_;
  const EventFilter filter_;
  const StillAllowed still_allowed_;
  Writer* writer_;  // null: ended
  StreamLimits::Place place_;
  int64_t position_ = 0;
  std::optional<int64_t> sent_;  // the last position that was taken; unknown until one is known
  bool begun_ = false;           // the first message was sent
  bool looking_ = false;         // a question is on its way
  bool writing_ = false;         // a message is on its way
  bool fresh_ = false;           // something was committed since the last look
  bool resting_ = false;         // too soon for another look
  Scheduler::TimerId write_timer_ = Scheduler::TimerId::kNone;
};

// All watch streams. Owned by the loop; create and destroy it while the loop does not run.
class EventWatches {
 public:
  struct Options {
    int page = 200;                                     // events in a message
    absl::Duration pause = absl::Milliseconds(20);      // between two looks, when none was full
    absl::Duration retry = absl::Milliseconds(250);     // after a question that was shed
    absl::Duration write_patience = absl::Seconds(30);  // for one message to be taken
  };
  EventWatches(Options options, StreamLimits& limits, LedgerQueries& queries, Scheduler& loop);
  ~EventWatches();

  // Begins a stream. Null, and `writer` is ended, when StreamLimits has no place.
  std::shared_ptr<EventWatch> Begin(EventFilter filter, std::optional<int64_t> after_seq,
                                    EventWatch::StillAllowed still_allowed,
                                    EventWatch::Writer& writer);
  // Ends the streams of watchers that may see no more.
  void CheckWatchers();
  // Ends all streams: the server stops.
  void EndAll();
  // How many were cut because they were slow. For any thread.
  int64_t slow_watchers() const { return slow_; }

 private:
  friend class EventWatch;
  void OnCommit();  // from the ledger's writer
  void WakeAll();

  const Options options_;
  StreamLimits& limits_;
  LedgerQueries& queries_;
  Scheduler& loop_;
  std::vector<std::weak_ptr<EventWatch>> watches_;
  std::atomic<int64_t> slow_{0};
  std::atomic<bool> woken_{false};  // a wake is on its way to the loop
};

}  // namespace onetake
