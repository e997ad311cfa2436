#include "runtime/base/this_thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace onetake {

void NameThisThread(const char* name) { (void)pthread_setname_np(pthread_self(), name); }

void LetOtherThreadsGoFirst() {
  // A sandbox may forbid it; then it runs like the others.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
}

}  // namespace onetake
