// Usage: TARGET [--mutate N] [--seed S] FILE_OR_FOLDER...
//
// Runs a fuzz target on every file once, and on N changed copies of each: what libFuzzer would do,
// without clang, and without a look at what is reached. The same seed makes the same copies.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using Random = std::mt19937_64;

size_t Below(Random& random, size_t bound) { return random() % std::max<size_t>(bound, 1); }

// One change of the kinds that break parsers: a bit, a byte, a piece lost, doubled or of another.
void Change(std::string& text, const std::string& other, Random& random) {
  static constexpr absl::string_view kOdd("\0\xff\"\\{}[]:,\n\r\t %&-0e", 20);
  const size_t at = Below(random, text.size() + 1);
  const size_t length = 1 + Below(random, 16);
  switch (random() % 6) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << Below(random, 8)));
      return;
    case 1: text.insert(at, 1, kOdd[Below(random, kOdd.size())]); return;
    case 2: text.erase(at, length); return;
    case 3: text.insert(at, text.substr(at, length)); return;
    case 4: text.insert(at, other.substr(Below(random, other.size()), length)); return;
    default: text.resize(at); return;
  }
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> Inputs(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> texts;
  for (const auto& file : files) texts.push_back(Read(file));
  return texts;
}

void Run(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  int64_t mutations = 0;
  uint64_t seed = 1;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view word(argv[i]);
    if (word == "--mutate" && i + 1 < argc) {
      mutations = std::atoll(argv[++i]);
    } else if (word == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      paths.emplace_back(word);
    }
  }
  const std::vector<std::string> inputs = Inputs(paths);
  Random random(seed);
  for (const std::string& input : inputs) {
    Run(input);
    for (int64_t n = 0; n < mutations; ++n) {
      std::string text = input;
      const std::string& other = inputs[Below(random, inputs.size())];
      for (size_t changes = 1 + Below(random, 4); changes > 0; --changes) {
        Change(text, other, random);
      }
      Run(text);
    }
  }
  LLVMFuzzerTestOneInput(nullptr, 0);
  std::cout << inputs.size() << " inputs, " << mutations << " changed copies of each, seed " << seed
            << "\n";
  return inputs.empty() ? 1 : 0;
}
