#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/openapi/description.h"

namespace onetake {

// Tells which schemas of a description refer to themselves, directly or through others. What an
// operation's request cannot hold (read-only properties) does not count. Thread-compatible.
class SchemaGraph {
 public:
  // `description` must outlive this.
  explicit SchemaGraph(const OpenApiDescription& description) : description_(description) {}

  // Whether `reference`, the text of a `$ref`, leads to a schema that holds itself.
  enum class Shape { kTree, kRecursive };
  Shape ShapeOf(const std::string& reference);

 private:
  const std::vector<std::string>& RefsBelow(const std::string& reference);

  const OpenApiDescription& description_;
  std::map<std::string, std::vector<std::string>> refs_below_;
  std::map<std::string, Shape> shapes_;
};

}  // namespace onetake
