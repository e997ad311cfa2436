#include "tests/sim/simulation.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "tests/sim/reviewer.h"

namespace onetake::sim {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24 * 7);
constexpr int64_t kMostSteps = 3'000'000;

}  // namespace

Simulation::Simulation(const Options& options)
    : options_(options),
      world_(options.seed, options.print),
      disk_chance_(options.seed, 4),
      disk_(disk_chance_),
      downstream_(world_),
      history_(world_, downstream_) {}

Outcome Simulation::Run(const Options& options) {
  Simulation simulation(options);
  simulation.RunAll();
  World& world = simulation.world_;
  world.tally.runs = 1;
  world.tally.simulated = world.loop.Elapsed();
  world.tally.steps = world.loop.steps();
  const SimDisk::Counts& disk = simulation.disk_.counts();
  for (const auto& [name, count] :
       std::map<std::string, int64_t>{{"write error", disk.write_errors},
                                      {"read error", disk.read_errors},
                                      {"sync error", disk.sync_errors},
                                      {"write without space", disk.full},
                                      {"unsynced write lost", disk.lost_writes},
                                      {"unsynced write torn", disk.torn_writes}}) {
    if (count > 0) world.tally.faults[name] += count;
  }
  return {options.seed, world.trace.digest(), world.failure, world.failed_step, world.tally};
}

// Those that outlive a run in its folder. The key stays: it is made once, and signs anything.
void Simulation::RemoveFiles() {
  for (const auto& file : std::filesystem::directory_iterator(options_.folder)) {
    if (file.path().string().find(".checkpoints") != std::string::npos) {
      std::filesystem::remove(file.path());
    }
  }
}

void Simulation::RunAll() {
  RemoveFiles();
  world_.judge = [this](const std::string& key) { JudgeHastily(key); };
  world_.trace.Note("seed ", options_.seed, " faults ", world_.faults.Text());
  PlanConversations();
  PlanFaults();
  StartServer();
  // Safety: whatever happens meanwhile.
  while (world_.failure.empty() && !Calm()) {
    RunUntil(world_.loop.Elapsed() + absl::Minutes(10));
    if (world_.loop.Elapsed() > kLongest) world_.Fail("the conversations do not end");
  }
  if (world_.failure.empty()) FinishUp();
  if (server_ != nullptr) {
    disk_.Freeze();
    server_.reset();
  }
}

void Simulation::PlanConversations() {
  const int64_t count = world_.chance.Int(4, 24);
  const absl::Duration span = world_.chance.Time(absl::Minutes(10), absl::Hours(20));
  absl::Duration at = absl::ZeroDuration();
  for (int64_t i = 0; i < count; ++i) {
    // Many come at once.
    const bool follows = world_.chance.Is(0.5);
    at = follows ? at + world_.chance.Time(absl::ZeroDuration(), absl::Seconds(3))
                 : world_.chance.Time(absl::ZeroDuration(), span);
    const std::string tenant = world_.chance.Is(0.5) ? "A" : "B";
    const uint64_t seed = world_.chance.Next();
    begins_.push_back(at);
    const auto begin = [&](const std::string& who) {
      auto conversation = std::make_shared<Conversation>(
          world_, history_, downstream_, [this] { return server_.get(); }, who,
          absl::StrCat("call-", i), seed);
      conversations_.push_back(conversation);
      world_.loop.After(at, [conversation] { conversation->Begin(); });
    };
    begin(tenant);
    // Another tenant with the same ids and the same wishes.
    if (world_.chance.Is(0.3)) begin(tenant == "A" ? "B" : "A");
  }
}

void Simulation::PlanFaults() {
  const Faults& faults = world_.faults;
  disk_.faults().write_error = faults.write_error;
  disk_.faults().read_error = faults.read_error;
  disk_.faults().sync_error = faults.sync_error;
  Sometimes(faults.crashes, [this] { CrashSoon(); });
  Sometimes(faults.power_losses, [this] { LosePowerSoon(); });
  Sometimes(faults.drains, [this] { Drain(); });
  Sometimes(faults.full_disks, [this] { FillDisk(); });
  Sometimes(faults.slow_disks, [this] { SlowDown(); });
  Sometimes(faults.reloads, [this] { Reload(); });
  Sometimes(faults.retentions, [this] {
    if (server_ == nullptr) return;
    world_.Hit("retention");
    server_->ledger().Age({.bodies = absl::Minutes(20)}, world_.loop.Now());
  });
  Sometimes(faults.clock_forward, [this] {
    world_.Hit("clock set forward");
    world_.loop.Jump(world_.chance.Time(absl::Seconds(1), absl::Hours(1)));
  });
  Sometimes(faults.clock_back, [this] {
    world_.Hit("clock set back");
    const absl::Duration step = world_.chance.Time(absl::Seconds(1), absl::Minutes(10));
    world_.loop.Jump(-step);
    world_.set_back += step;
  });
  Sometimes(2, [this] { Review(); });
  Sometimes(faults.erasures, [this] { Erase(); });
  if (faults.older_copy) {
    Sometimes(1, [this] {
      if (server_ == nullptr) return;  // there may be no ledger yet
      disk_.Remove(CopyPath());
      disk_.CopySynced(Path(), CopyPath());
      const absl::StatusOr<Dump> copy = ReadDump(disk_, CopyPath());
      if (!copy.ok()) return world_.Fail("I12: a copy of the medium: ", copy.status().message());
      copied_events_ = static_cast<int64_t>(copy->events.size());
    });
  }
}

void Simulation::Sometimes(double times, const std::function<void()>& what) {
  if (times <= 0) return;
  for (int64_t left = world_.chance.Int(1, static_cast<int64_t>(2 * times) - 1); left > 0; --left) {
    const absl::Duration at =
        world_.chance.Of(begins_) + world_.chance.Time(absl::ZeroDuration(), world_.chance.Is(0.8)
                                                                                 ? absl::Minutes(2)
                                                                                 : absl::Hours(1));
    world_.loop.After(at, [this, what] {
      if (faults_on_) what();
    });
  }
}

// At once, at a change of a file, or when the next request leaves: most crashes in a calm moment
// show nothing.
void Simulation::CrashSoon() {
  if (server_ == nullptr) return;
  world_.Hit("crash");
  const int64_t kind = world_.chance.Int(0, 3);
  if (kind == 0) {
    disk_.Freeze();
  } else if (kind == 1) {
    server_->DieWhenSending();
  } else {
    disk_.DieAfter(world_.chance.Int(1, 40));
  }
}

void Simulation::LosePowerSoon() {
  if (server_ == nullptr) return;
  world_.Hit("power loss");
  power_fails_ = true;
  CrashSoon();
}

void Simulation::Drain() {
  if (server_ == nullptr || stopped_) return;
  world_.Hit("drain");
  server_->engine().Drain(world_.chance.Time(absl::ZeroDuration(), absl::Seconds(10)),
                          [this] { stopped_ = true; });
}

void Simulation::FillDisk() {
  world_.Hit("disk full");
  disk_.faults().full = true;
  world_.disk_was_full = true;
  world_.loop.After(world_.chance.Time(absl::Seconds(1), absl::Minutes(2)),
                    [this] { disk_.faults().full = false; });
}

void Simulation::SlowDown() {
  if (server_ == nullptr) return;
  world_.Hit("disk slow");
  // Mostly so that what is waited for comes in time.
  const absl::Duration most = absl::Seconds(world_.chance.Is(0.1) ? 30 : 4);
  server_->ledger().set_slowness(world_.chance.Time(absl::Milliseconds(10), most));
  world_.loop.After(world_.chance.Time(absl::Seconds(1), absl::Minutes(2)), [this] {
    if (server_ != nullptr) server_->ledger().set_slowness(absl::ZeroDuration());
  });
}

void Simulation::Reload() {
  world_.Hit("reload");
  tools_version_ = static_cast<int>(world_.chance.Int(0, kVersions - 1));
  if (server_ != nullptr) server_->LoadTools(tools_version_);
}

void Simulation::Erase() {
  if (server_ == nullptr) return;
  world_.Hit("erasure");
  const Conversation& whose = *world_.chance.Of(conversations_);
  Erasure erasure{.tenant = whose.tenant(), .session_id = whose.session()};
  erasure.by = "dana";
  erasure.reason = "asked for";
  erasure.at = world_.loop.Now();
  server_->ledger().Erase(erasure, [this, erasure](const absl::StatusOr<ErasureResult>& result) {
    if (!result.ok()) return;
    world_.trace.Note("erased ", erasure.tenant, " ", erasure.session_id, " ", result->erased, " ",
                      result->plain);
    history_.OnErased(erasure.tenant, erasure.session_id, *result);
  });
}

Server::Place Simulation::Place(RestoredLedger restored) {
  ++lives_;
  return {world_,
          disk_,
          downstream_,
          log_,
          Path(),
          tools_version_,
          lives_,
          restored,
          [this](const IntentRecord& record, const Answer& answer) {
            history_.OnPush(record, answer, lives_);
          }};
}

void Simulation::StartServer() {
  starting_ = false;
  // It may die while it starts, too.
  if (faults_on_ && world_.faults.crashes > 0 && world_.chance.Is(0.1)) {
    world_.Hit("crash in recovery");
    disk_.DieAfter(world_.chance.Int(1, 60));
  }
  server_ = Server::Start(Place(RestoredLedger::kRefuse));
  if (server_ != nullptr) {
    failed_starts_ = 0;
    return;
  }
  if (!faults_on_ && ++failed_starts_ > 3) world_.Fail("I12: it does not start on a healthy disk");
}

void Simulation::Die() {
  world_.trace.Note("life ", lives_, " ends", stopped_ ? " by itself" : "");
  if (!std::exchange(stopped_, false)) disk_.Freeze();
  server_.reset();
  const bool power = std::exchange(power_fails_, false);
  if (power) {
    disk_.Freeze();
    disk_.LosePower();
  }
  disk_.Thaw();
}

void Simulation::RunUntil(absl::Duration end) {
  while (world_.failure.empty()) {
    if (server_ != nullptr && (server_->dead() || stopped_)) Die();
    if (server_ == nullptr && !std::exchange(starting_, true)) {
      disk_.Thaw();
      world_.loop.After(world_.chance.Time(absl::Milliseconds(50), absl::Seconds(20)),
                        [this] { StartServer(); });
    }
    if (!world_.loop.RunNext(end)) return;
    if (world_.loop.steps() > kMostSteps) world_.Fail("I6: it does not come to an end");
  }
}

bool Simulation::Calm() const {
  return std::all_of(conversations_.begin(), conversations_.end(),
                     [](const auto& conversation) { return conversation->over(); });
}

void Simulation::JudgeHastily(const std::string& key) {
  if (server_ == nullptr || server_->dead() || !faults_on_) return;
  // What was lost by then may be in a queue.
  if (!log_.keys[key].open) return;
  std::optional<Resolution> verdict =
      HastyVerdict(disk_, Path(), downstream_, log_, key, world_.loop.Now());
  if (!verdict.has_value()) return;
  world_.Hit("hasty verdict");
  world_.trace.Note("hasty verdict ", verdict->intent_id, " ", ToString(verdict->verdict));
  const bool denies = verdict->verdict == IntentState::kRejected;
  if (denies) history_.OnDenied(key, log_.keys[key].wish);
  server_->engine().Resolve(*std::move(verdict),
                            [this, key, denies](const absl::StatusOr<IntentRecord>& record) {
                              if (denies && record.ok()) log_.keys[key].denied = true;
                            });
}

void Simulation::Review() {
  if (server_ == nullptr || server_->dead()) return;
  for (Resolution& resolution : Verdicts(disk_, Path(), downstream_, log_, world_.loop.Now())) {
    world_.Hit("verdict of a person");
    world_.trace.Note("verdict ", resolution.intent_id, " ", ToString(resolution.verdict));
    server_->engine().Resolve(
        std::move(resolution),
        [this](const absl::StatusOr<IntentRecord>& record) { verdict_ = record.status(); });
  }
}

}  // namespace onetake::sim
