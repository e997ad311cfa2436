// Put in front of every file that scripts/mutate changes: says which change is on. All changes of
// all files are compiled in at once ("mutant schemata", Untch, Offutt and Harrold, 1993), so that
// one build tries them all.
#pragma once

// What a change looks like must not stop the build.
#pragma GCC diagnostic ignored "-Wbool-compare"
#pragma GCC diagnostic ignored "-Wint-in-bool-context"
#pragma GCC diagnostic ignored "-Wparentheses"
#pragma GCC diagnostic ignored "-Wsign-compare"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace onetake_mutation {

inline constexpr int kMost = 16384;

// The changes that were asked for, on or not. At its end the program adds them to the file that
// MUTANTS_SEEN names, a number a line. A program that is killed adds nothing.
class Seen {
 public:
  ~Seen() {
    const char* const path = std::getenv("MUTANTS_SEEN");
    std::FILE* const file = path == nullptr ? nullptr : std::fopen(path, "a");
    if (file == nullptr) return;
    for (int number = 0; number < kMost; ++number) {
      if (asked_[number].load(std::memory_order_relaxed)) std::fprintf(file, "%d\n", number);
    }
    std::fclose(file);
  }

  void Asked(int number) { asked_[number].store(true, std::memory_order_relaxed); }

 private:
  std::array<std::atomic<bool>, kMost> asked_{};
};

inline bool On(int number) {
  static const char* const wanted = std::getenv("MUTANT");
  static const int chosen = wanted == nullptr ? -1 : std::atoi(wanted);
  static Seen seen;
  seen.Asked(number);
  return number == chosen;
}

}  // namespace onetake_mutation
