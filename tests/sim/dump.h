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
    int attempts = 0, last_attempt = 0;  // how many, and the highest number
    int waits = 0;                       // of those the ones that were asked to wait
    std::string safety;                  // as it was claimed
    int bodies = 0;                      // rows with its contents, or the key to them
    std::optional<std::string> result;   // absent: none, gone, or sealed
    std::string stored;                  // its bytes as they are, sealed or not
    bool sealed = false;
  };
  struct Event {
    int64_t seq = 0;
    int64_t row = 0;
    std::string kind, from, to, rule;
    absl::Time at;
    std::string hash;
  };
  std::vector<Intent> intents;
  std::vector<Event> events;
  int64_t open_attempts_of_settled = 0;
  std::string integrity;  // "ok"
  int64_t schema = 0;

  std::map<std::string, const Intent*> ByKey() const;
  const Intent* Find(const std::string& key) const;  // null: there is none
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
// What is in doubt, and waits for none.
std::vector<Waiting> ReadDoubts(SimDisk& disk, const std::string& path);
// Whether an attempt of this number is recorded of a claim with this key.
bool HoldsAttempt(SimDisk& disk, const std::string& path, const std::string& key, int number);
// How many intents are under way or in doubt, and wait for no person.
int64_t CountOpen(SimDisk& disk, const std::string& path);

}  // namespace onetake::sim
