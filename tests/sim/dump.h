#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/sim/sim_disk.h"

namespace onetake::sim {

// What a ledger's file holds, read with plain SQL and none of onetake's code.
struct Dump {
  struct Intent {
    int64_t row = 0;
    std::string tenant, intent_id, key, tool, session, state, reason;
    int generation = 0;
    int64_t reverses_row = 0;  // what it undoes; 0: nothing that it knew
    bool settled = false, in_review = false, aged = false, erased = false;
    int bodies = 0;                     // rows with its contents, or the key to them
    std::optional<std::string> result;  // absent: none, gone, or sealed
    bool sealed = false;
  };
  struct Event {
    int64_t seq = 0;
    int64_t row = 0;
    std::string kind, from, to;
  };
  std::vector<Intent> intents;
  std::vector<Event> events;
  int64_t open_attempts_of_settled = 0;
  std::string integrity;  // "ok"
  int64_t schema = 0;

  std::map<std::string, const Intent*> ByKey() const;
};

// While the disk has no faults. A failure is a damaged file.
absl::StatusOr<Dump> ReadDump(SimDisk& disk, const std::string& path);
// What waits for a person.
struct Waiting {
  std::string tenant, intent_id, key, tool;
  int generation = 0;
  bool undone = false;  // it is recorded so
};
std::vector<Waiting> ReadReview(SimDisk& disk, const std::string& path);
bool HoldsKey(SimDisk& disk, const std::string& path, const std::string& key);

}  // namespace onetake::sim
