#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/json/json.h"
#include "tests/sim/tools.h"
#include "tests/sim/world.h"

namespace onetake::sim {

// The APIs behind the tools, and the truth: what took effect. It outlives every onetaked and knows
// nothing of intents; whose wish a request is stands in its notes.
class Downstream {
 public:
  // A request, as it came over the wire.
  struct Request {
    std::string tool;
    Json arguments;
    std::string key;
    std::string body;   // all of it, by which one that reuses a key is told
    std::string trace;  // of the call that it is made for; empty: of none that is known
  };
  struct Response {
    enum class Kind {
      kDone,
      kAccepted,  // as a job
      kTaken,     // refused: the slot is
      kGone,      // there is nothing to cancel
      kKeyInUse,
      kKeyReused,
    };
    Kind kind = Kind::kDone;
    std::string body;
  };
  struct Effect {
    int id = 0;
    Nature nature = Nature::kNone;
    std::string key;
    int wish = 0;
    int slot = 0;
    std::string provider, patient;
    absl::Duration at;  // since when it stands: made, or restored
    std::optional<absl::Duration> undone_at;
    bool restored = false;  // it was undone once
    std::string undone_by;  // the key of what undid it
    std::string body;       // what its maker is answered
  };

  explicit Downstream(World& world) : world_(world), chance_(world.chance.Next(), 3) {}

  // Works on a request from now for `takes`, then answers. What `kForgetful` says is done, but its
  // key is not remembered, as by an API that fails after its database has committed; that it was
  // booked with it is.
  enum class Memory { kRemembers, kForgetful };
  using Answer = std::function<void(Response)>;
  void Receive(Request request, absl::Duration takes, Memory memory, Answer answer);
  Response Read(const std::string& tool, const Json& arguments);

  // Somebody else books the slot.
  void BookForOthers(int slot, const std::string& provider);

  const std::vector<Effect>& effects() const { return effects_; }
  // The one that stands; if none does, the last one.
  const Effect* ByKey(const std::string& key) const;
  const Effect* ById(int id) const;
  // The ledger has lost what was sent under other keys than these.
  void ForgetSent(const std::set<std::string>& but);
  // What the request of this key has cancelled.
  const Effect* UndoneBy(const std::string& key) const;
  // The key under which something was done for the call with this trace; null: nothing was.
  const std::string* DoneFor(const std::string& trace) const;
  // Whether the request of this key has restored something.
  bool HasRestored(const std::string& key) const { return restored_by_.count(key) != 0; }
  // Whether something that was received, or is on its way, may still take effect under this key.
  bool MayStillLand(const std::string& key) const { return on_its_way_.count(key) != 0; }
  void NoteOnItsWay(const std::string& key) { on_its_way_.insert(key); }
  // Also when it never arrives.
  void NoteSent(const std::string& key) { first_sent_.emplace(key, world_.loop.Elapsed()); }
  void NoteLanded(const std::string& key) {
    const auto found = on_its_way_.find(key);
    if (found != on_its_way_.end()) on_its_way_.erase(found);
  }
  // The notes of a request: "w<wish>".
  static int WishOf(const Json& arguments);

 private:
  struct Remembered {
    std::string body;
    std::optional<Response> response;  // absent: at work
    absl::Duration until;
  };
  struct Job {
    absl::Duration due;
    bool fails = false;
    std::optional<Response> response;
  };

  Response Book(const Request& request);
  Response Cancel(const Request& request);
  Response Restore(const Request& request);
  const Effect* ToCancel(const Request& request) const;
  Response StartJob(const Request& request);
  const Effect* ActiveAt(Nature nature, int slot, const std::string& provider) const;
  const Effect* ActiveOf(Nature nature, int slot, const std::string& patient) const;
  Json Standing(const Json& arguments) const;
  Effect& Make(const Request& request, Nature nature);
  void CheckMade(const Effect& effect);
  void NoteDone(const Request& request);

  World& world_;
  Chance chance_;
  std::vector<Effect> effects_;
  std::map<std::pair<Nature, std::string>, Remembered> keys_;
  std::map<std::string, Job> jobs_;
  std::multiset<std::string> on_its_way_;
  std::map<std::string, absl::Duration> first_sent_;  // by key
  std::map<std::string, int> restored_by_;            // by key, the appointment
  std::map<std::string, std::string> done_for_;       // by trace, the key
  std::set<std::pair<int, std::string>> booked_by_others_;
  std::set<std::string> forgotten_;  // keys, too soon
};

}  // namespace onetake::sim
