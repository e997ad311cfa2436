#pragma once

#include <memory>
#include <set>

#include "runtime/engine/context.h"
#include "runtime/engine/read_flights.h"

namespace onetake {

// Runs READs. Each caller has its own patience and its own answer; calls that ask the same at the
// same time share one request (read_flights.h), which is cancelled when nobody waits for it any
// longer. The ledger hears of a read once, afterwards, and nobody waits for that. Owned by the
// loop.
class Reads {
 public:
  explicit Reads(EngineContext& context);
  ~Reads();

  void Run(std::unique_ptr<ReadCall> call);
  // Ends every read now: FAILED.
  void CancelAll();
  // Ends the reads of a turn that was discarded. Returns how many.
  int Discard(const Turn& turn);
  size_t live() const { return live_.size(); }

 private:
  void CheckDelivery(const ReadPtr& read);
  void Begin(const ReadPtr& read);
  void Fail(const ReadPtr& read, absl::string_view reason);
  void Finish(const ReadPtr& read, Answer answer);
  void Refuse(const ReadPtr& read, absl::Status status);
  bool Forget(const ReadPtr& read);

  // Orders reads by call, so that the order does not differ from run to run.
  struct ByCall {
    bool operator()(const ReadPtr& a, const ReadPtr& b) const {
      return a->record.call_id < b->record.call_id;
    }
  };

  EngineContext& context_;
  ReadFlights flights_;
  std::set<ReadPtr, ByCall> live_;
};

}  // namespace onetake
