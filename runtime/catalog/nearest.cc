#include "runtime/catalog/nearest.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace onetake {
namespace {

// The longest name that is compared: names are short, but a model may send anything.
constexpr size_t kMaxCompared = 128;

// Edits from one text to the other (Levenshtein), two neighbours that changed places being one.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string NearestName(absl::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kMaxCompared) return "";
  const std::string wanted = absl::AsciiStrToLower(name);
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  const std::string* nearest = nullptr;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxCompared) continue;
    const size_t distance = EditDistance(wanted, absl::AsciiStrToLower(candidate));
    // Two edits make any word of two letters out of any other.
    if (distance < best && distance < wanted.size()) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : *nearest;
}

}  // namespace onetake
