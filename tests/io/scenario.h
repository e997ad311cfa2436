#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "tests/io/watched_ledger.h"

namespace onetake::io {

// Two lives of a ledger with each kind of change in them, the same every time as long as nothing
// fails: seven intents are claimed, and settled, resent, reviewed, resolved, refused, contradicted,
// erased, reversed and left open; calls and latencies are recorded; the chain is signed, the WAL
// emptied; after a start what was open is marked, something ages, and the oldest events go.
// A step that needs one which was refused is left out.
class Scenario {
 public:
  explicit Scenario(Place place) : ledger_(std::move(place)) {}

  // Ends early when the ledger has stopped, as the process would.
  void Run();
  // On a disk that works: a start finds what was told, and works; the file is intact, to SQLite and
  // to whoever verifies the chain and its checkpoints.
  void CheckWhatIsLeft();

 private:
  struct Intent {
    IntentRecord record;
    std::string kinds;          // of its events
    bool is_under_way = false;  // its last attempt has not ended
  };
  using Intents = std::map<int, Intent>;
  using Start = std::function<void(const WatchedLedger::Done& done)>;

  void FirstLife();
  void SecondLife();
  void EndLife();

  void Claim(int n);
  void ClaimToReverse(int n, int target);
  void ClaimInOneBatchWithACall(int n);
  void Succeed(int n);
  void Refuse(int n);
  void LoseSight(int n);
  void SendAgain(int n);
  void Review(int n);
  void Resolve(int n);
  void Contradict(int n);
  void Probe(int n);
  void MarkCrashed();
  void Unseal(int n);
  void Erase(int n);
  void Age(int n);
  void Prune(int n);
  void AnswerCall(int n);
  void RecordRead();
  void SaveLatency(const std::string& histogram);

  bool MayGoOn() const { return ledger_.is_open() && !ledger_.has_stopped(); }
  // Whether the ledger goes on, and has told that this intent is in this state.
  bool Is(int n, IntentState state) const;
  Intent Claimed(const ClaimRequest& request) const;
  void Move(int n, Transition transition, const std::string& kind);
  // By `start` these intents come to be so, and with them other things.
  bool Change(const Intents& after, Contents others, const Start& start);
  // What was doubtful, once the ledger has been looked at.
  void TakeDoubtful();

  WatchedLedger ledger_;
  Intents intents_;   // as they were told
  Intents doubtful_;  // as they may be
};

}  // namespace onetake::io
