#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "runtime/ledger/sqlite_ledger.h"
#include "tests/sim/world.h"

namespace onetake::sim {

// The real ledger, whose writer and readers take their time: each of them comes to what was handed
// to it a while later, as a thread would.
class SimLedger final : public Ledger {
 public:
  SimLedger(World& world, Scheduler& program, SqliteLedger& real)
      : world_(world), program_(program), real_(real) {}

  void Claim(ClaimRequest request, Done<absl::StatusOr<ClaimResult>> done) override {
    real_.Claim(std::move(request), std::move(done));
    WakeWriter();
  }
  void Apply(Transition transition, Done<absl::StatusOr<Applied>> done) override {
    real_.Apply(std::move(transition), std::move(done));
    WakeWriter();
  }
  void RecordLate(LateOutcome outcome, Done<absl::StatusOr<IntentRecord>> done) override {
    real_.RecordLate(std::move(outcome), std::move(done));
    WakeWriter();
  }
  void Resolve(Resolution resolution, Done<absl::StatusOr<IntentRecord>> done) override {
    real_.Resolve(std::move(resolution), std::move(done));
    WakeWriter();
  }
  void RecordCall(CallRecord call) override {
    real_.RecordCall(std::move(call));
    WakeWriter();
  }
  void Lookup(LookupRequest request, Done<absl::StatusOr<LookupResult>> done) override {
    real_.Lookup(std::move(request), std::move(done));
    WakeReaders();
  }
  absl::StatusOr<int64_t> MarkCrashed(absl::Time now) override { return real_.MarkCrashed(now); }
  absl::StatusOr<std::vector<IntentRecord>> Unsettled(int64_t after_row, int limit) override {
    return real_.Unsettled(after_row, limit);
  }

  void Age(AgeRules rules, absl::Time now) {
    real_.Age(std::move(rules), now, 100, [](const absl::StatusOr<AgeResult>&) {});
    WakeWriter();
  }
  void Erase(Erasure erasure, LedgerUpkeep::Done<ErasureResult> done) {
    real_.Erase(std::move(erasure), std::move(done));
    WakeWriter();
  }
  // How much longer than usual a commit takes.
  void set_slowness(absl::Duration slowness) { slowness_ = slowness; }

 private:
  static constexpr double kSigns = 0.02;  // of all commits

  void WakeWriter() {
    program_.Cancel(std::exchange(idle_, Scheduler::TimerId::kNone));
    if (std::exchange(writer_awake_, true)) return;
    const absl::Duration takes =
        world_.chance.Time(absl::Microseconds(100), absl::Milliseconds(3)) + slowness_;
    program_.RunAfter(takes, [this] {
      writer_awake_ = false;
      const bool worked = real_.RunWrites();
      WakeReaders();  // a verdict is read back
      if (worked && world_.faults.checkpoints && world_.chance.Is(kSigns)) {
        program_.RunAfter(world_.chance.Time(absl::ZeroDuration(), absl::Milliseconds(100)),
                          [this] { real_.RunCheckpoints(); });
      }
      if (worked) return WakeWriter();
      idle_ = program_.RunAfter(absl::Seconds(1), [this] {
        idle_ = Scheduler::TimerId::kNone;
        real_.RunIdle();
      });
    });
  }
  void WakeReaders() {
    if (std::exchange(readers_awake_, true)) return;
    program_.RunAfter(world_.chance.Time(absl::Microseconds(20), absl::Milliseconds(2)), [this] {
      readers_awake_ = false;
      real_.RunReads();
    });
  }

  World& world_;
  Scheduler& program_;
  SqliteLedger& real_;
  absl::Duration slowness_ = absl::ZeroDuration();
  bool writer_awake_ = false, readers_awake_ = false;
  Scheduler::TimerId idle_ = Scheduler::TimerId::kNone;
};

}  // namespace onetake::sim
