#include "runtime/server/unread_answers.h"

#include "runtime/server/call_limits.h"

namespace onetake {

bool UnreadAnswers::HasTooMuch(const std::string& tenant, size_t times) const {
  const auto own = tenant_bytes_.find(tenant);
  if (own == tenant_bytes_.end()) return false;
  if (own->second > times * options_.tenant_bytes) return true;
  // A tenant that has less than its part is not kept out by the others, however much they have.
  const size_t all = times * options_.bytes;
  return bytes_ > all && own->second > all / tenant_bytes_.size();
}

absl::Status UnreadAnswers::Admit(const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  if (!HasTooMuch(tenant, 1)) return absl::OkStatus();
  ++refused_;
  return AnswersUnread();
}

UnreadAnswers::Hold UnreadAnswers::Add(const std::string& tenant, size_t bytes,
                                       std::shared_ptr<Peer> peer) {
  Entry entry;
  Peers slow;
  {
    absl::MutexLock lock(&mutex_);
    if (bytes > 0) tenant_bytes_[tenant] += bytes;
    bytes_ += bytes;
    entry = answers_.insert(answers_.end(), {tenant, bytes, std::move(peer), clock_.Elapsed()});
    const bool all = bytes_ > kMostTimes * options_.bytes;
    if (all || HasTooMuch(tenant, kMostTimes)) slow = TakeTooMany();
  }
  for (const std::shared_ptr<Peer>& one : slow) one->Cut();
  return Hold(this, entry);
}

UnreadAnswers::Peers UnreadAnswers::TakeTooMany() {
  Peers taken;
  for (Answer& answer : answers_) {
    if (answer.bytes == 0 || !HasTooMuch(answer.tenant, kMostTimes)) continue;
    Discount(answer);
    taken.push_back(answer.peer);
  }
  return taken;
}

void UnreadAnswers::Discount(Answer& answer) {
  if (answer.bytes == 0) return;
  bytes_ -= answer.bytes;
  const auto of_tenant = tenant_bytes_.find(answer.tenant);
  of_tenant->second -= std::exchange(answer.bytes, 0);
  if (of_tenant->second == 0) tenant_bytes_.erase(of_tenant);
}

void UnreadAnswers::Remove(Entry entry) {
  std::list<Answer> removed;  // what it names dies without the lock
  absl::MutexLock lock(&mutex_);
  Discount(*entry);
  removed.splice(removed.begin(), answers_, entry);
}

void UnreadAnswers::CutOff() {
  Peers slow;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration before = clock_.Elapsed() - options_.patience;
    for (Answer& answer : answers_) {
      if (answer.since > before) break;
      Discount(answer);
      slow.push_back(answer.peer);
    }
  }
  for (const std::shared_ptr<Peer>& peer : slow) peer->Cut();
}

size_t UnreadAnswers::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

int64_t UnreadAnswers::refused() const {
  absl::MutexLock lock(&mutex_);
  return refused_;
}

}  // namespace onetake
