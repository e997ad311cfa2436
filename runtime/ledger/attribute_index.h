#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/ledger/ledger_queries.h"

namespace onetake {

// Which attributes of calls are kept, as digests. If there are none, no attribute is recorded.
struct AttributeIndex {
  std::vector<std::string> names;
  BlindIndex digest;  // set when there are names

  bool Has(absl::string_view name) const {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
};

}  // namespace onetake
