#pragma once

#include <cstdio>
#include <cstdlib>

// A broken invariant stops the process, in release builds too: the ledger is crash-safe, a wrong
// answer is not. For bad input and a broken environment use absl::Status instead.
#define ONETAKE_CHECK(condition)                                                             \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      (void)std::fprintf(stderr, "onetake: check failed at %s:%d: %s\n", __FILE__, __LINE__, \
                         #condition);                                                        \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
