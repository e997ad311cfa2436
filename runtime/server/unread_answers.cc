#include "runtime/server/unread_answers.h"

#include <vector>

namespace onetake {

std::optional<UnreadAnswers::Hold> UnreadAnswers::Add(const std::string& tenant, size_t bytes,
                                                      std::shared_ptr<Peer> peer) {
  absl::MutexLock lock(&mutex_);
  size_t& of_tenant = tenant_bytes_[tenant];
  const bool fits = bytes_ + bytes <= options_.bytes && of_tenant + bytes <= options_.tenant_bytes;
  if (!fits && of_tenant > 0) return std::nullopt;
  bytes_ += bytes;
  of_tenant += bytes;
  answers_.push_back({tenant, bytes, std::move(peer), clock_.Elapsed()});
  return Hold(this, std::prev(answers_.end()));
}

void UnreadAnswers::Remove(Entry entry) {
  std::list<Answer> removed;  // what it names dies without the lock
  absl::MutexLock lock(&mutex_);
  bytes_ -= entry->bytes;
  tenant_bytes_[entry->tenant] -= entry->bytes;
  removed.splice(removed.begin(), answers_, entry);
}

void UnreadAnswers::CutOff() {
  std::vector<std::shared_ptr<Peer>> slow;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration before = clock_.Elapsed() - options_.patience;
    for (const Answer& answer : answers_) {
      if (answer.since > before) break;
      slow.push_back(answer.peer);
    }
  }
  for (const std::shared_ptr<Peer>& peer : slow) peer->Cut();
}

size_t UnreadAnswers::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace onetake
