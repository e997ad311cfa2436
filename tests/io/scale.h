#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace onetake::io {

// ONETAKE_SCALE: so many times as many cases as ctest takes by itself.
inline double Scale() {
  const char* text = std::getenv("ONETAKE_SCALE");
  const double scale = text == nullptr ? 1 : std::atof(text);
  return scale > 0 ? scale : 1;
}

// Of `places`, every so many-th is tried, when ctest by itself tries about `at_one` of them.
inline int64_t Step(int64_t places, int at_one) {
  return std::max<int64_t>(1, std::llround(static_cast<double>(places) / (at_one * Scale())));
}

}  // namespace onetake::io
