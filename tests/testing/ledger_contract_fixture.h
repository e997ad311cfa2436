#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/ledger_fixture.h"
#include "tests/testing/memory_ledger.h"

namespace onetake::testing {

// What the contract of ledger.h is kept by.
enum class LedgerForm { kThreads, kManual, kSealed, kMemory };

inline std::string NameOf(const ::testing::TestParamInfo<LedgerForm>& info) {
  switch (info.param) {
    case LedgerForm::kThreads: return "Threads";
    case LedgerForm::kManual: return "Manual";
    case LedgerForm::kSealed: return "Sealed";
    case LedgerForm::kMemory: return "Memory";
  }
  return "";
}

// A ledger of the form asked for. Cases over kMemory ask only what is here: `ledger_` is not open.
class LedgerContractFixture : public LedgerFixture,
                              public ::testing::WithParamInterface<LedgerForm> {
 protected:
  void SetUp() override {
    if (GetParam() == LedgerForm::kMemory) {
      memory_ = std::make_unique<MemoryLedger>();
      return;
    }
    SqliteLedger::Options options =
        GetParam() == LedgerForm::kSealed ? SealedOptions() : DefaultOptions();
    if (GetParam() != LedgerForm::kThreads) options.threading = Threading::kManual;
    OpenWith(std::move(options));
  }
  Ledger& ledger() override {
    if (memory_ != nullptr) return *memory_;
    return *ledger_;
  }

  std::vector<EventRecord> AllEvents() {
    return memory_ != nullptr ? memory_->events : Events().value();
  }
  std::vector<EventRecord> EventsOf(const std::string& intent_id) {
    if (memory_ == nullptr) return Events({.intent_id = intent_id}).value();
    std::vector<EventRecord> events;
    for (const EventRecord& event : memory_->events) {
      if (event.intent_id == intent_id) events.push_back(event);
    }
    return events;
  }
  // The attempts of the latest generation.
  std::vector<AttemptRecord> AttemptsOf(const std::string& intent_id) {
    return memory_ != nullptr ? memory_->attempts.at(Latest(intent_id)->row)
                              : Get(intent_id)->front().attempts;
  }
  std::vector<CallRecord> CallsOf(const std::string& intent_id) {
    if (memory_ == nullptr) return Get(intent_id)->front().calls;
    const int64_t row = Latest(intent_id)->row;
    std::vector<CallRecord> calls;
    for (const auto& [id, call] : memory_->calls) {
      if (call.intent_row == row) calls.push_back(call);
    }
    return calls;
  }
  // What waits for a person.
  ReviewStats Waiting() {
    if (memory_ == nullptr) return InReview();
    ReviewStats waiting;
    for (const IntentRecord& record : memory_->intents) {
      if (!record.review_at.has_value()) continue;
      ++waiting.count;
      waiting.oldest = std::min(waiting.oldest.value_or(absl::InfiniteFuture()), *record.review_at);
    }
    return waiting;
  }
  // MemoryLedger has no chain.
  void ExpectWholeChain() {
    if (memory_ != nullptr) return;
    const auto chain = Await<absl::StatusOr<ChainPage>>(
        [&](auto done) { ledger_->VerifyChain(1, 100, std::move(done)); });
    ASSERT_THAT(chain, IsOk());
    EXPECT_FALSE(chain->finding.has_value()) << chain->finding->what;
  }

 private:
  std::unique_ptr<MemoryLedger> memory_;
};

}  // namespace onetake::testing
