#include "runtime/latency/latency_book.h"

namespace onetake {

LatencyHistogram& LatencyBook::Open(const LatencySubject& subject) {
  Entry& entry = entries_[{subject.tool, subject.downstream}];
  if (entry.version != subject.version) {
    entry.version = subject.version;
    entry.histogram = LatencyHistogram();
  }
  entry.changed = true;
  return entry.histogram;
}

void LatencyBook::AddAnswered(const LatencySubject& subject, absl::Duration latency) {
  Open(subject).AddAnswered(latency);
}

void LatencyBook::AddCensored(const LatencySubject& subject, absl::Duration waited) {
  Open(subject).AddCensored(waited);
}

const LatencyHistogram* LatencyBook::Find(const LatencySubject& subject) const {
  const auto found = entries_.find({subject.tool, subject.downstream});
  if (found == entries_.end() || found->second.version != subject.version) return nullptr;
  return &found->second.histogram;
}

void LatencyBook::Restore(Row row) {
  entries_.try_emplace({row.subject.tool, row.subject.downstream},
                       Entry{row.subject.version, row.histogram, /*changed=*/false});
}

std::vector<LatencyBook::Row> LatencyBook::TakeChanged() {
  std::vector<Row> rows;
  for (auto& [place, entry] : entries_) {
    if (!entry.changed) continue;
    entry.changed = false;
    rows.push_back({{place.first, place.second, entry.version}, entry.histogram});
  }
  return rows;
}

void LatencyBook::GiveBack(const LatencySubject& subject) {
  const auto found = entries_.find({subject.tool, subject.downstream});
  if (found != entries_.end()) found->second.changed = true;
}

}  // namespace onetake
