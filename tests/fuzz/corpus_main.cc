// Usage: TARGET FILE_OR_FOLDER...
//
// Runs a fuzz target on every file once: what libFuzzer would do, without clang.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

void Run(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      Run(argv[i]);
      ++files;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      Run(entry.path());
      ++files;
    }
  }
  // Every prefix of what is odd enough to be kept would be too much here; the empty one is not.
  LLVMFuzzerTestOneInput(nullptr, 0);
  std::cout << files << " inputs\n";
  return files > 0 ? 0 : 1;
}
