#include "tests/sim/server.h"

#include <utility>

#include "runtime/base/status.h"
#include "tests/sim/dump.h"

namespace onetake::sim {
namespace {

constexpr double kLooksAtTheMedium = 0.02;  // of all sends

SqliteLedger::Options LedgerOptions(const Server::Place& place, bool& dead) {
  SqliteLedger::Options options;
  options.path = place.path;
  options.threading = SqliteLedger::Threading::kManual;
  options.vfs = place.disk.name();
  options.on_fatal = [&dead](const absl::Status&) { dead = true; };
  options.restored = place.restored;
  if (place.world.faults.checkpoints) options.checkpoints.emplace().TakeNames(place.path);
  if (place.world.faults.sealed) {
    std::vector<Secret> masters;
    masters.emplace_back("master key one, 32 bytes or more");
    options.key_ring = std::make_shared<KeyRing>(std::move(masters));
    options.sealing.new_rows = RowKeys::NewRows::kSealed;
  }
  return options;
}

}  // namespace

Server::Server(const Place& place)
    : place_(place),
      program_(place.world.loop, place.life),
      random_(place.world.chance.Next(), place.life) {}

std::unique_ptr<Server> Server::Start(const Place& place) {
  std::unique_ptr<Server> server(new Server(place));
  const absl::Status opened = server->Open();
  if (opened.ok() && !server->dead()) {
    place.world.trace.Note("life ", place.life, " is up");
    return server;
  }
  place.world.trace.Note("life ", place.life,
                         " cannot start: ", absl::StatusCodeToString(opened.code()));
  // With a disk that works, a start works.
  if (!server->dead() && absl::IsFailedPrecondition(opened)) {
    place.world.Fail("I12: the ledger does not open: ", opened.message());
  }
  place.disk.Freeze();
  return nullptr;
}

absl::Status Server::Opens(const Place& place) {
  bool dead = false;
  return SqliteLedger::Open(LedgerOptions(place, dead), place.world.loop).status();
}

absl::Status Server::Open() {
  World& world = place_.world;
  ONETAKE_ASSIGN_OR_RETURN(ledger_, SqliteLedger::Open(LedgerOptions(place_, dead_), world.loop));
  ONETAKE_RETURN_IF_ERROR(ledger_->MarkCrashed(world.loop.Now()).status());
  sim_ledger_ = std::make_unique<SimLedger>(world, program_, *ledger_);
  tool_ = std::make_shared<SimTool>(world, place_.downstream, place_.log, program_,
                                    [this](const std::string& key, int attempt) {
                                      CheckDurable(key, attempt);
                                      if (dies_when_sending_) place_.disk.Freeze();
                                    });
  Engine::Options options{.tenant_key = Secret("0123456789abcdef0123456789abcdef"),
                          .max_in_flight = 1000,
                          .breaker = {},
                          .retry_budget = {},
                          .recovery_parallel = 2};
  if (ledger_->restoration().has_value()) {
    options.unsure_until = ledger_->restoration()->at + absl::Hours(24);
    options.restored_at = ledger_->restoration()->at;
  }
  engine_ =
      std::make_unique<Engine>(std::move(options), world.loop, program_, random_, *sim_ledger_,
                               std::map<std::string, ToolExecutor*>{{"sim", tool_.get()}});
  engine_->set_on_settled([this](const IntentRecord& record, const Answer& answer) {
    if (!dead()) place_.on_settled(record, answer);
  });
  LoadTools(place_.tools_version);
  engine_->Recover();
  return absl::OkStatus();
}

Server::~Server() {
  place_.log.LoseAll(place_.world.loop.Elapsed());
  // What still waits for the ledger is answered first, while the engine can hear it.
  ledger_.reset();
  engine_.reset();
  tool_.reset();
}

void Server::LoadTools(int version) { engine_->SetTools(MakeTools(place_.world.faults, version)); }

// I3, by looking: of what would be left after a power loss right now.
void Server::CheckDurable(const std::string& key, int attempt) {
  if (!place_.world.chance.Is(kLooksAtTheMedium)) return;
  ++place_.world.tally.checks;
  const std::string copy = place_.path + ".medium";
  place_.disk.CopySynced(place_.path, copy);
  if (!HoldsAttempt(place_.disk, copy, key, attempt)) {
    place_.world.Fail("I3: attempt ", attempt, " of key ", key, " leaves before it is durable");
  }
  place_.disk.Remove(copy);
}

}  // namespace onetake::sim
