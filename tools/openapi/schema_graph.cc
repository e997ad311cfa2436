#include "tools/openapi/schema_graph.h"

#include <set>

#include "absl/strings/match.h"

namespace onetake {
namespace {

bool HoldsValues(absl::string_view keyword) {
  return keyword == "enum" || keyword == "const" || keyword == "default" || keyword == "example" ||
         keyword == "examples" || keyword == "discriminator" || absl::StartsWith(keyword, "x-");
}

void CollectRefs(const Json& schema, std::vector<std::string>& refs) {
  if (schema.is_array()) {
    for (const Json& one : schema) CollectRefs(one, refs);
  }
  if (!schema.is_object() || FlagOf(schema, "readOnly") == Flag::kSet) return;
  const std::string reference = TextOf(schema, "$ref");
  if (!reference.empty()) refs.push_back(reference);
  for (const auto& [keyword, value] : schema.items()) {
    if (!HoldsValues(keyword)) CollectRefs(value, refs);
  }
}

}  // namespace

const std::vector<std::string>& SchemaGraph::RefsBelow(const std::string& reference) {
  const auto [entry, is_new] = refs_below_.try_emplace(reference);
  if (!is_new) return entry->second;
  // Follows one step only: a reference to a reference is a cycle of its own when it comes back.
  const absl::StatusOr<const Json*> target = description_.Resolve(Json{{"$ref", reference}});
  if (target.ok()) CollectRefs(**target, entry->second);
  return entry->second;
}

SchemaGraph::Shape SchemaGraph::ShapeOf(const std::string& reference) {
  const auto known = shapes_.find(reference);
  if (known != shapes_.end()) return known->second;
  Shape shape = Shape::kTree;
  std::set<std::string> seen;
  std::vector<std::string> waiting = RefsBelow(reference);
  while (!waiting.empty() && shape == Shape::kTree) {
    const std::string next = waiting.back();
    waiting.pop_back();
    if (next == reference) shape = Shape::kRecursive;
    if (!seen.insert(next).second) continue;
    for (const std::string& below : RefsBelow(next)) waiting.push_back(below);
  }
  shapes_.emplace(reference, shape);
  return shape;
}

}  // namespace onetake
