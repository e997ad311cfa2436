// The end of a run: what must hold when everything has come to rest.
#include <algorithm>
#include <set>
#include <utility>

#include "tests/sim/simulation.h"

namespace onetake::sim {
namespace {

constexpr absl::Duration kQuiet = absl::Hours(4);  // nobody says anything any more
// A job is given up after an hour, and then looked for.
constexpr absl::Duration kLongestInDoubt = absl::Minutes(75);

}  // namespace

// Liveness: without faults everything comes to an end.
void Simulation::FinishUp() {
  faults_on_ = false;
  world_.faults.Stop();
  disk_.faults() = {};
  disk_.DieAfter(0);
  if (server_ != nullptr) server_->ledger().set_slowness(absl::ZeroDuration());
  tools_version_ = 0;
  if (server_ != nullptr) server_->LoadTools(tools_version_);
  ComeToRest();
  SettleReviews();
  if (!world_.failure.empty()) return;
  CheckChain();
  CheckSealed();
  const Dump before = Look();
  history_.CheckLedger(before);
  history_.CheckAttempts(before, log_);
  history_.CheckPushes(before, lives_);
  if (!world_.failure.empty()) return;
  // Once more dead, and alive.
  disk_.Freeze();
  power_fails_ = true;
  RunUntil(world_.loop.Elapsed() + kQuiet);
  if (!world_.failure.empty()) return;
  CheckChain();
  const Dump after = Look();
  history_.CheckLedger(after);
  history_.CheckKept(before, after);
  history_.CountEvents(after);
  world_.tally.intents = static_cast<int64_t>(after.intents.size());
  PruneAll();
  RestoreOlderCopy();
}

void Simulation::ComeToRest() {
  const absl::Duration end = world_.loop.Elapsed() + kQuiet;
  absl::Duration rest = world_.loop.Elapsed();
  while (world_.failure.empty() && world_.loop.Elapsed() < end) {
    RunUntil(world_.loop.Elapsed() + absl::Minutes(5));
    if (CountOpen(disk_, Path()) == 0) rest = world_.loop.Elapsed();
    if (world_.loop.Elapsed() - rest > kLongestInDoubt) {
      world_.Fail("I6: something is under way or in doubt for too long");
    }
  }
}

// A verdict may bring up another question.
void Simulation::SettleReviews() {
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds && world_.failure.empty(); ++round) {
    if (ReadReview(disk_, Path()).empty()) return;
    Review();
    RunUntil(world_.loop.Elapsed() + absl::Minutes(1));
  }
  const std::vector<Waiting> waiting = ReadReview(disk_, Path());
  if (!waiting.empty()) {
    world_.Fail("I6: ", waiting[0].tool, " with key ", waiting[0].key,
                " waits for a person after a verdict: ", verdict_.ToString());
  }
}

// When everything is old enough nothing is left but the last rows, and what is left is a chain.
void Simulation::PruneAll() {
  for (bool more = true; more && world_.failure.empty();) {
    more = false;
    server_->real_ledger().Age(
        {.bodies = absl::Minutes(20), .skeletons = absl::Hours(1)}, world_.loop.Now(), 1000,
        [&](const absl::StatusOr<AgeResult>& result) {
          if (!result.ok()) return world_.Fail("retention fails: ", result.status().message());
          more = result->more == AgeResult::More::kMaybe;
        });
    server_->real_ledger().RunPending();
  }
  CheckChain();
  const Dump left = Look();
  if (left.integrity != "ok") world_.Fail("I12: after retention: ", left.integrity);
  if (left.intents.size() > 1) {
    world_.Fail("retention leaves ", left.intents.size(), " intents that are old enough");
  }
}

// The file is lost, and a copy of some earlier hour takes its place. It must be noticed; and when
// somebody goes on with it, nothing that it has forgotten may be done again.
void Simulation::RestoreOlderCopy() {
  if (copied_events_ == 0 || !world_.failure.empty()) return;
  server_->real_ledger().RunCheckpoints();
  disk_.Freeze();
  Die();
  disk_.Remove(Path());
  disk_.CopySynced(CopyPath(), Path());
  if (!absl::IsFailedPrecondition(Server::Opens(Place(RestoredLedger::kRefuse)))) {
    return world_.Fail("I7: an older copy is taken for the ledger");
  }
  world_.Hit("older copy restored");
  history_.OnRestored();
  const Dump known = Look();
  log_.Forget(known);
  std::set<std::string> keys;
  for (const Dump::Intent& intent : known.intents) keys.insert(intent.key);
  downstream_.ForgetSent(keys);
  server_ = Server::Start(Place(RestoredLedger::kAccept));
  if (server_ == nullptr) return world_.Fail("I12: an older copy cannot be accepted");
  for (const auto& conversation : conversations_) conversation->Redeliver();
  // It may die of it, once.
  if (world_.chance.Is(0.5)) disk_.DieAfter(world_.chance.Int(1, 400));
  RunUntil(world_.loop.Elapsed() + kQuiet);
  disk_.DieAfter(0);
  SettleReviews();
  if (!world_.failure.empty()) return;
  CheckChain();
  history_.CheckRestored(Look());
}

// I7
void Simulation::CheckChain() {
  if (server_ == nullptr) return world_.Fail("I6: nobody is up");
  bool at_end = false;
  for (int64_t from = 1; !at_end && world_.failure.empty();) {
    server_->real_ledger().VerifyChain(
        from, ChainQueries::kMaxEvents, [&](absl::StatusOr<ChainPage> page) {
          if (!page.ok()) return world_.Fail("I7: ", page.status().message());
          if (page->finding.has_value()) {
            world_.Fail("I7: the chain is broken at event ", page->head.seq + 1);
          }
          at_end = page->at_end;
          from = page->head.seq + 1;
        });
    server_->real_ledger().RunReads();
  }
}

void Simulation::CheckSealed() {
  if (!world_.faults.sealed) return;
  for (const Wish& wish : history_.wishes()) {
    if (disk_.Holds(Path(), absl::StrCat("\"", wish.patient, "\""))) {
      world_.Fail("I11: a sealed ledger holds patient ", wish.patient, " in clear");
    }
  }
}

Dump Simulation::Look() {
  absl::StatusOr<Dump> dump = ReadDump(disk_, Path());
  if (dump.ok()) return *std::move(dump);
  world_.Fail("I12: ", dump.status().message());
  return {};
}

}  // namespace onetake::sim
