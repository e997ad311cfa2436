#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace onetake {

// Where the chain's checkpoints go, and how often one is made.
struct CheckpointOptions {
  std::string key_file;                      // made when missing, with key_file.pub beside it
  std::string path;                          // the file of checkpoints
  int64_t every_events = 1000;               // one is made at the latest after so many events,
  absl::Duration every = absl::Seconds(60);  // and when an event was unsigned for so long
  enum class Syslog { kOff, kOn } syslog = Syslog::kOff;  // each line to syslog(3), authpriv.notice

  // Fills in the default names of the files that are not named: beside the ledger.
  void TakeNames(const std::string& ledger_path) {
    if (key_file.empty()) key_file = ledger_path + ".signing-key";
    if (path.empty()) path = ledger_path + ".checkpoints";
  }
};

}  // namespace onetake
