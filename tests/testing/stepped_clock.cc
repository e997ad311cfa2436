// Preloaded into a program (LD_PRELOAD), sets its wall clock off by the nanoseconds in the file
// that STEPPED_CLOCK names: 8 bytes in this machine's order, which a test changes while the program
// runs. The monotonic clock stays as it is.
//
// Waits until a time of the wall clock end when that clock gets there, as the kernel does it after
// a step: Abseil's Mutex, and gRPC with it, waits so (futex(2), FUTEX_CLOCK_REALTIME). That is why
// it is not Debian's libfaketime, which does not know them and would have such a wait take as long
// as the clock is off.

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr int64_t kSecond = 1'000'000'000;
// How soon a wait notices a step.
constexpr int64_t kSlice = 20'000'000;

using SystemCall = long (*)(long, ...);

SystemCall RealSystemCall() {
  static const auto real = reinterpret_cast<SystemCall>(dlsym(RTLD_NEXT, "syscall"));
  return real;
}

int64_t Offset() {
  static const std::atomic<int64_t>* const offset = [] {
    const char* path = std::getenv("STEPPED_CLOCK");
    const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void* page = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    close(file);
    return static_cast<const std::atomic<int64_t>*>(page);
  }();
  return offset->load();
}

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

timespec ToTimespec(int64_t nanoseconds) {
  return {.tv_sec = nanoseconds / kSecond, .tv_nsec = nanoseconds % kSecond};
}

int64_t RealTime(clockid_t clock) {
  timespec now;
  RealSystemCall()(SYS_clock_gettime, clock, &now);
  return Nanoseconds(now);
}

int64_t WallTime() { return RealTime(CLOCK_REALTIME) + Offset(); }

// A wait until `wall`, in slices on the monotonic clock.
long WaitUntil(uint32_t* word, int operation, uint32_t expected, int64_t wall, uint32_t bits) {
  const int sliced = (operation & ~(FUTEX_CLOCK_REALTIME | FUTEX_CMD_MASK)) | FUTEX_WAIT_BITSET;
  while (true) {
    const int64_t left = wall - WallTime();
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    const timespec end = ToTimespec(RealTime(CLOCK_MONOTONIC) + std::min(left, kSlice));
    const long woken = RealSystemCall()(SYS_futex, word, sliced, expected, &end, nullptr, bits);
    if (woken == 0 || errno != ETIMEDOUT) return woken;
  }
}

}  // namespace

extern "C" {

long syscall(long number, ...) {
  long given[6];
  va_list arguments;
  va_start(arguments, number);
  for (long& argument : given) argument = va_arg(arguments, long);
  va_end(arguments);
  const auto operation = static_cast<int>(given[1]);
  const auto* end = reinterpret_cast<const timespec*>(given[3]);
  if (number == SYS_futex && (operation & FUTEX_CLOCK_REALTIME) != 0 && end != nullptr) {
    return WaitUntil(reinterpret_cast<uint32_t*>(given[0]), operation,
                     static_cast<uint32_t>(given[2]), Nanoseconds(*end),
                     static_cast<uint32_t>(given[5]));
  }
  return RealSystemCall()(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = RealSystemCall()(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    *time = ToTimespec(Nanoseconds(*time) + Offset());
  }
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  const int64_t now = WallTime();
  *time = {.tv_sec = now / kSecond, .tv_usec = now % kSecond / 1000};
  return 0;
}

time_t time(time_t* result) noexcept {
  const time_t now = WallTime() / kSecond;
  if (result != nullptr) *result = now;
  return now;
}

int timespec_get(timespec* time, int base) noexcept {
  *time = ToTimespec(WallTime());
  return base;
}

}  // extern "C"
