#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "runtime/engine/admission.h"

namespace onetake {

// Takes up what a crash or a stop left UNKNOWN, page by page and a few at a time for each
// downstream, so that a restart is not an attack on it (R12). Owned by the loop.
class Recovery {
 public:
  Recovery(EngineContext& context, Admission& admission);

  void Start();
  void Stop();
  // The tools have changed: what was left because its tool was missing is taken up when it is back.
  void OnTools();
  // A live intent is gone; its downstream may get the next one.
  void OnGone(const LiveIntent& live);

 private:
  void Fill();
  void FillLater();
  void Pump(const std::string& downstream);

  struct Waiting {
    IntentRecord record;
    KnownTool known;
  };
  struct Lane {
    std::deque<Waiting> waiting;
    int running = 0;
  };

  EngineContext& context_;
  Admission& admission_;
  std::map<std::string, Lane> lanes_;  // by downstream
  int64_t last_row_ = 0;
  size_t waiting_ = 0;
  bool active_ = false;
  bool exhausted_ = false;  // the ledger has no further page
  bool fills_later_ = false;
  std::set<std::string> missing_;   // tools of intents that were passed over
  std::set<std::string> returned_;  // of those, tools that are back
  std::set<std::string> only_;      // what this round is about; empty: all tools
};

}  // namespace onetake
