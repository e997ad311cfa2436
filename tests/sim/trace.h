#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "tests/sim/sim_loop.h"

namespace onetake::sim {

// What happened in a run, in order, as one number: two runs of a seed must have the same. Printed
// when asked.
class Trace {
 public:
  enum class Print { kNo, kYes };
  Trace(const SimLoop& loop, Print print) : loop_(loop), print_(print) {}

  template <typename... Parts>
  void Note(const Parts&... parts) {
    Line(absl::StrCat(parts...));
  }
  uint64_t digest() const { return digest_; }

 private:
  // FNV-1a.
  void Mix(absl::string_view text) {
    for (const char c : text) {
      digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  void Line(absl::string_view text) {
    const std::string line = absl::StrFormat(
        "%12.6f %6d %s\n", absl::ToDoubleSeconds(loop_.Elapsed()), loop_.steps(), text);
    Mix(line);
    if (print_ == Print::kYes) (void)std::fputs(line.c_str(), stdout);
  }

  const SimLoop& loop_;
  const Print print_;
  uint64_t digest_ = 0xcbf29ce484222325ULL;
};

}  // namespace onetake::sim
