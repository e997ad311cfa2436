#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runtime/latency/histogram.h"

namespace onetake {

// What is measured: one tool at one downstream, as one version of its manifest asks it. Samples of
// another version do not count.
struct LatencySubject {
  std::string tool;
  std::string downstream;
  std::string version;
};

// The histograms of a process, one for each tool and downstream; as many as there are tools.
// Thread-compatible; the engine's is owned by the loop.
class LatencyBook {
 public:
  // Adds a sample. The first one of a new version drops those of the old one.
  void AddAnswered(const LatencySubject& subject, absl::Duration latency);
  void AddCensored(const LatencySubject& subject, absl::Duration waited);

  // nullptr without a sample of this version. Valid until the next non-const call.
  const LatencyHistogram* Find(const LatencySubject& subject) const;

  struct Row {
    LatencySubject subject;
    LatencyHistogram histogram;
  };
  // Restores a row of an earlier process. It gives way to what has been measured since.
  void Restore(Row row);
  // Returns the rows that have changed since the last Take, or were given back.
  std::vector<Row> TakeChanged();
  // Says that a row of TakeChanged could not be kept: the next Take has it again.
  void GiveBack(const LatencySubject& subject);

 private:
  struct Entry {
    std::string version;
    LatencyHistogram histogram;
    bool changed = false;
  };
  LatencyHistogram& Open(const LatencySubject& subject);

  std::map<std::pair<std::string, std::string>, Entry> entries_;  // by tool and downstream
};

}  // namespace onetake
