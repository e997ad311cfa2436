#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/engine/engine.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_tool.h"
#include "tests/sim/world.h"

namespace onetake::sim {

// One life of onetaked, from its start to its death: the real ledger and the real engine, on the
// simulated disk and network.
class Server {
 public:
  struct Place {
    World& world;
    SimDisk& disk;
    Downstream& downstream;
    SentLog& log;
    std::string path;  // of the ledger
    int tools_version;
    uint64_t life;
    RestoredLedger restored;
    Engine::OnSettled on_settled;
  };

  // Starts: opens the ledger, marks what a crash left, recovers. Null when it died of it; then the
  // disk may be frozen.
  static std::unique_ptr<Server> Start(const Place& place);
  // Whether its ledger opens at all, and why not.
  static absl::Status Opens(const Place& place);
  // Dies with all it had in mind. The disk must be frozen unless nothing is left to be written.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Engine& engine() { return *engine_; }
  SimLedger& ledger() { return *sim_ledger_; }
  SqliteLedger& real_ledger() { return *ledger_; }
  Scheduler& program() { return program_; }
  uint64_t life() const { return place_.life; }
  void LoadTools(int version);
  // It is killed right after its next write has left.
  void DieWhenSending() { dies_when_sending_ = true; }
  // It has stopped itself, or been killed in the middle of a change.
  bool dead() const { return dead_ || place_.disk.frozen(); }

 private:
  explicit Server(const Place& place);
  absl::Status Open();
  void CheckDurable(const std::string& key, int attempt);

  const Place place_;
  ProgramLoop program_;
  Chance random_;
  bool dead_ = false;
  bool dies_when_sending_ = false;
  std::shared_ptr<SimTool> tool_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::unique_ptr<SimLedger> sim_ledger_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace onetake::sim
