#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <thread>

#include "runtime/base/this_thread.h"

namespace onetake {
namespace {

// How long the calling thread runs before others get their turn, in ns; 0 on a kernel that has no
// such thing for each thread (before Linux 6.12).
uint64_t Slice() {
  std::array<char, 48> attributes = {};  // sched_setattr(2)
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, attributes.data(), attributes.size(), 0), 0);
  uint64_t runtime = 0;
  std::memcpy(&runtime, attributes.data() + 24, sizeof(runtime));
  return runtime;
}

TEST(ThisThreadTest, ShortTurnsAreForItAndWhatItStartsUntilTheyEnd) {
  const uint64_t before = Slice();
  if (before == 0) GTEST_SKIP() << "this kernel has one length for all threads";
  RunInShortTurns();
  EXPECT_EQ(Slice(), 100'000);
  std::thread([before] {
    EXPECT_EQ(Slice(), 100'000);
    RunInOrdinaryTurns();
    EXPECT_EQ(Slice(), before);
  }).join();
  EXPECT_EQ(Slice(), 100'000) << "the other thread's are its own";
  RunInOrdinaryTurns();
  EXPECT_EQ(Slice(), before);
}

}  // namespace
}  // namespace onetake
