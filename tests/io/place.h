#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace onetake::io {

// Where a ledger is, and what is known of the faults there.
struct Place {
  std::string path;
  std::string vfs;
  std::function<int64_t()> failures;  // so many operations have been made to fail
  std::function<bool()> is_well;      // none will be any more
  std::function<void()> heal;         // makes it so; null: nothing can any more
  // What fails are writes or syncs: a change is not told as made when one has failed meanwhile.
  bool fails_changes = false;
};

}  // namespace onetake::io
