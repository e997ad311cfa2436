// Tells ThreadSanitizer what Debian's Abseil does when threads wait for each other. That library is
// not instrumented, so without this file every member that an absl::Mutex guards would be reported
// as a race, and every real race would drown in it. Linked into all programs of the preset `tsan`,
// and into no other: the functions below take the place of Abseil's, for gRPC's calls too, and call
// them.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

// Abseil's own function of that mangled name. The inline namespace is Debian's.
template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

constexpr unsigned kWrite = 0;
constexpr unsigned kRead = __tsan_mutex_read_lock;

// How many of the functions below a thread is in: some of Abseil's call others of them.
thread_local int depth = 0;

// Between `pre` and `post` TSan looks away: Abseil runs the conditions of others inside of its
// calls.
class Locking {
 public:
  Locking(void* mutex, unsigned flags) : mutex_(mutex), flags_(flags) {
    if (++depth == 1) __tsan_mutex_pre_lock(mutex_, flags_);
  }
  ~Locking() {
    if (--depth == 0) __tsan_mutex_post_lock(mutex_, flags_, 0);
  }
  Locking(const Locking&) = delete;
  Locking& operator=(const Locking&) = delete;

  bool Tried(bool taken) {
    if (!taken) flags_ |= __tsan_mutex_try_lock_failed;
    return taken;
  }

 private:
  void* const mutex_;
  unsigned flags_;
};

class Unlocking {
 public:
  Unlocking(void* mutex, unsigned flags) : mutex_(mutex), flags_(flags) {
    if (++depth == 1) __tsan_mutex_pre_unlock(mutex_, flags_);
  }
  ~Unlocking() {
    if (--depth == 0) __tsan_mutex_post_unlock(mutex_, flags_);
  }
  Unlocking(const Unlocking&) = delete;
  Unlocking& operator=(const Unlocking&) = delete;

 private:
  void* const mutex_;
  const unsigned flags_;
};

// Within a call whose own lock TSan need not know: it takes it by functions that are not below, and
// gives it back by one that is.
class Unseen {
 public:
  Unseen() { ++depth; }
  ~Unseen() { --depth; }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
};

// A wait gives the mutex away and takes it again.
class Waiting {
 public:
  explicit Waiting(void* mutex) : given_(mutex), taken_(mutex, kWrite) {}

 private:
  struct Given {
    explicit Given(void* mutex) { const Unlocking unlocking(mutex, kWrite); }
  };
  const Given given_;
  const Locking taken_;
};

}  // namespace

#define ONETAKE_REAL(name, result, ...) \
  static auto* const real = Real<result(__VA_ARGS__)>("_ZN4absl7debian3" name)

void Mutex::Lock() {
  ONETAKE_REAL("5Mutex4LockEv", void, Mutex*);
  const Locking locking(this, kWrite);
  real(this);
}

void Mutex::Unlock() {
  ONETAKE_REAL("5Mutex6UnlockEv", void, Mutex*);
  const Unlocking unlocking(this, kWrite);
  real(this);
}

bool Mutex::TryLock() {
  ONETAKE_REAL("5Mutex7TryLockEv", bool, Mutex*);
  Locking locking(this, __tsan_mutex_try_lock);
  return locking.Tried(real(this));
}

void Mutex::ReaderLock() {
  ONETAKE_REAL("5Mutex10ReaderLockEv", void, Mutex*);
  const Locking locking(this, kRead);
  real(this);
}

void Mutex::ReaderUnlock() {
  ONETAKE_REAL("5Mutex12ReaderUnlockEv", void, Mutex*);
  const Unlocking unlocking(this, kRead);
  real(this);
}

bool Mutex::ReaderTryLock() {
  ONETAKE_REAL("5Mutex13ReaderTryLockEv", bool, Mutex*);
  Locking locking(this, __tsan_mutex_try_read_lock);
  return locking.Tried(real(this));
}

void Mutex::LockWhen(const Condition& condition) {
  ONETAKE_REAL("5Mutex8LockWhenERKNS0_9ConditionE", void, Mutex*, const Condition&);
  const Locking locking(this, kWrite);
  real(this, condition);
}

void Mutex::Await(const Condition& condition) {
  ONETAKE_REAL("5Mutex5AwaitERKNS0_9ConditionE", void, Mutex*, const Condition&);
  const Waiting waiting(this);
  real(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  ONETAKE_REAL("5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE", bool, Mutex*,
               const Condition&, Duration);
  const Waiting waiting(this);
  return real(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  ONETAKE_REAL("5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", bool, Mutex*,
               const Condition&, Time);
  const Waiting waiting(this);
  return real(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  ONETAKE_REAL("7CondVar4WaitEPNS0_5MutexE", void, CondVar*, Mutex*);
  const Waiting waiting(mutex);
  real(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  ONETAKE_REAL("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE", bool, CondVar*, Mutex*,
               Duration);
  const Waiting waiting(mutex);
  return real(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  ONETAKE_REAL("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", bool, CondVar*, Mutex*, Time);
  const Waiting waiting(mutex);
  return real(this, mutex, deadline);
}

// The flag is read inline, as an atomic that TSan sees: who sees it set has seen all that was done
// before.
void Notification::Notify() {
  ONETAKE_REAL("12Notification6NotifyEv", void, Notification*);
  __tsan_release(&notified_yet_);
  const Unseen unseen;
  real(this);
}

#undef ONETAKE_REAL

void Notification::WaitForNotification() const {
  static auto* const real =
      Real<void(const Notification*)>("_ZNK4absl7debian312Notification19WaitForNotificationEv");
  {
    const Unseen unseen;
    real(this);
  }
  (void)HasBeenNotified();
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static auto* const real = Real<bool(const Notification*, Duration)>(
      "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  {
    const Unseen unseen;
    real(this, timeout);
  }
  return HasBeenNotified();
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  static auto* const real = Real<bool(const Notification*, Time)>(
      "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE");
  {
    const Unseen unseen;
    real(this, deadline);
  }
  return HasBeenNotified();
}

ABSL_NAMESPACE_END
}  // namespace absl
