#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/conversation.h"
#include "tests/sim/history.h"
#include "tests/sim/server.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/world.h"

namespace onetake::sim {

struct Outcome {
  uint64_t seed = 0;
  uint64_t digest = 0;  // of all that happened
  std::string failure;  // empty: every promise was kept
  int64_t step = 0;     // at which it was not
  Tally tally;
};

// One run: conversations with one onetaked after the other under a seed's faults; then without
// faults until nothing is under way; then once more dead and alive, and checked.
class Simulation {
 public:
  struct Options {
    uint64_t seed = 1;
    Trace::Print print = Trace::Print::kNo;
    std::string folder;  // for the only real files: the ledger's lock and its checkpoints
  };
  static Outcome Run(const Options& options);

 private:
  explicit Simulation(const Options& options);
  void RunAll();

  void PlanConversations();
  void PlanFaults();
  // `what` happens about so often in this run, mostly while somebody talks.
  void Sometimes(double times, const std::function<void()>& what);
  void CrashSoon();
  void LosePowerSoon();
  void Drain();
  void FillDisk();
  void SlowDown();
  void Reload();
  void Erase();

  void StartServer();
  void Die();
  // Runs what is due up to `end`, and burys and starts onetaked as it must.
  void RunUntil(absl::Duration end);
  bool Calm() const;
  void Review();
  // A person says too early what became of a write; whoever wanted it may then have it twice.
  void JudgeHastily(const std::string& key);
  // Until nothing waits for a person any more.
  void SettleReviews();
  // I6: within the time that the longest look-up and all retries take, nothing is under way.
  void ComeToRest();
  void CheckChain();
  void CheckSealed();
  Dump Look();
  void FinishUp();
  void PruneAll();
  void RestoreOlderCopy();
  void RemoveFiles();
  Server::Place Place(RestoredLedger restored);
  std::string Path() const { return options_.folder + "/ledger.db"; }
  std::string CopyPath() const { return options_.folder + "/older.db"; }

  const Options options_;
  World world_;
  Chance disk_chance_;
  SimDisk disk_;
  Downstream downstream_;
  SentLog log_;
  History history_;
  std::vector<std::shared_ptr<Conversation>> conversations_;
  std::vector<absl::Duration> begins_;  // of theirs
  std::unique_ptr<Server> server_;
  uint64_t lives_ = 0;
  int tools_version_ = 0;
  int failed_starts_ = 0;
  bool faults_on_ = true;
  bool power_fails_ = false;  // with the next death
  bool stopped_ = false;      // by a drain
  bool starting_ = false;
  absl::Status verdict_;       // what became of the last one
  int64_t copied_events_ = 0;  // in the older copy; 0: there is none
};

}  // namespace onetake::sim
