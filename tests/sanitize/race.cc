// For the test of scripts/sanitize: one race that ThreadSanitizer has to report, and what is none.
// Argument: "race", "mutex", "notification" or "wait".
#include <cstdio>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace {

struct Shared {
  absl::Mutex mutex;
  absl::Notification done;
  bool ready = false;
  int value = 0;
};

void Write(Shared& shared, const std::string& how) {
  if (how == "race" || how == "notification") {
    ++shared.value;
  } else {
    const absl::MutexLock lock(&shared.mutex);
    ++shared.value;
    shared.ready = true;
  }
  if (how != "race") shared.done.Notify();
}

void Read(Shared& shared, const std::string& how) {
  if (how == "notification") {
    (void)shared.done.WaitForNotificationWithTimeout(absl::Minutes(1));
  } else if (how == "wait") {
    const absl::MutexLock lock(&shared.mutex);
    shared.mutex.AwaitWithTimeout(absl::Condition(&shared.ready), absl::Minutes(1));
    ++shared.value;
    return;
  } else if (how == "mutex") {
    const absl::MutexLock lock(&shared.mutex);
    ++shared.value;
    return;
  }
  ++shared.value;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  Shared shared;
  std::thread other([&] { Write(shared, arguments[1]); });
  Read(shared, arguments[1]);
  other.join();
  std::printf("%d\n", shared.value);
}
