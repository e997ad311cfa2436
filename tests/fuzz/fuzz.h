#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "runtime/base/check.h"

// One target a file. Built with clang's libFuzzer (-DONETAKE_FUZZ=ON) it looks for inputs that
// break a check; built otherwise it runs the inputs of its corpus, as a test.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace onetake {

inline absl::string_view TextOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Cuts what is before the first line feed off, for targets of two inputs.
inline absl::string_view TakeLine(absl::string_view& text) {
  const size_t end = text.find('\n');
  const absl::string_view line = text.substr(0, end);
  text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace onetake
