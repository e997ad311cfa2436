#include "runtime/base/this_thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace onetake {
namespace {

// The struct of sched_setattr(2), written out because <linux/sched/types.h> and <pthread.h> cannot
// be included together.
struct SchedulingAttributes {
  uint32_t size = 0;
  uint32_t sched_policy = 0;
  uint64_t sched_flags = 0;
  int32_t sched_nice = 0;
  uint32_t sched_priority = 0;
  uint64_t sched_runtime = 0;
  uint64_t sched_deadline = 0;
  uint64_t sched_period = 0;
};

// Changes the slice and keeps all else as it is. A sandbox may forbid it.
void SetSlice(uint64_t ns) {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  attributes.sched_runtime = ns;
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void NameThisThread(const char* name) { (void)pthread_setname_np(pthread_self(), name); }

void LetOtherThreadsGoFirst() {
  // A sandbox may forbid it; then the thread runs like the others.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
}

void RunInShortTurns() { SetSlice(100'000); }
void RunInOrdinaryTurns() { SetSlice(0); }

}  // namespace onetake
