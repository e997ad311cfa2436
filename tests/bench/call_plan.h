#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "onetake/v1/runtime.pb.h"

namespace onetake::bench {

struct LoadArguments {
  std::string server;
  std::string workload = "new";
  std::string tool = "book";
  std::string run = "r";  // keeps the intents of one run apart from those of another
  int in_flight = 64;
  int channels = 4;
  double seconds = 5;
  double warm_up = 1;
  double rate = 0;
  bool heed = false;
  bool first_times = false;
};

inline constexpr int kJoiners = 16;    // calls of one intent in the workload "join"
inline constexpr int kReplayed = 512;  // intents that the workload "replay" asks for again

// The call of that number. The first `kReplayed` of a "replay" are what is asked for again.
void FillCall(const LoadArguments& arguments, int64_t call, v1::ExecuteRequest& request);

// Counts what was answered between `begin` and `end`; and beside that all that was answered.
class Tally {
 public:
  Tally(const LoadArguments& arguments, absl::Time begin, absl::Time end)
      : arguments_(arguments), begin_(begin), end_(end) {}

  // `code`: of gRPC; 0 with the answer's disposition.
  void Count(absl::Time begun, int code, const v1::ExecuteResponse& response);
  // Of what has no disposition.
  void CountPage(absl::Time begun);
  void NotBegun() { ++not_begun_; }

  bool IsOver() const;
  absl::Time end() const { return end_; }
  // One line of JSON.
  void Print();

 private:
  bool IsMeasured(absl::Time now) const { return now >= begin_ && now < end_; }

  const LoadArguments& arguments_;
  const absl::Time begin_, end_;
  int64_t answered_ = 0, measured_ = 0, good_ = 0, not_begun_ = 0;
  std::vector<int64_t> latencies_us_, refused_us_, claims_us_;
  std::vector<int64_t> counts_ = std::vector<int64_t>(64);  // dispositions, then statuses
};

}  // namespace onetake::bench
