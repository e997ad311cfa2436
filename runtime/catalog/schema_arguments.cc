#include "runtime/catalog/schema_arguments.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_split.h"
#include "runtime/json/schema_ref.h"

namespace onetake {
namespace {

const Json* Member(const Json& schema, const char* name) {
  if (!schema.is_object()) return nullptr;
  const auto found = schema.find(name);
  return found == schema.end() ? nullptr : &*found;
}

// The schemas of the child that `step` leads to. `is_open`: the child may be there without a
// schema.
struct Children {
  std::vector<const Json*> schemas;
  bool is_open = false;
};

Children NamedChildren(const std::vector<const Json*>& schemas, const std::string& name) {
  Children children;
  bool names_members = false;
  for (const Json* schema : schemas) {
    if (const Json* properties = Member(*schema, "properties");
        properties != nullptr && properties->is_object()) {
      names_members = true;
      if (const auto found = properties->find(name); found != properties->end()) {
        children.schemas.push_back(&*found);
      }
    }
    if (const Json* others = Member(*schema, "additionalProperties")) {
      names_members = true;
      if (*others != false) children.is_open = true;
    }
  }
  if (!names_members) children.is_open = true;
  return children;
}

Children IndexedChildren(const std::vector<const Json*>& schemas, int index) {
  Children children;
  for (const Json* schema : schemas) {
    const Json* items = Member(*schema, "items");
    if (items == nullptr) continue;
    if (items->is_object()) {
      children.schemas.push_back(items);
    } else if (items->is_array() && index >= 0 && static_cast<size_t>(index) < items->size()) {
      children.schemas.push_back(&(*items)[static_cast<size_t>(index)]);
    }
  }
  children.is_open = children.schemas.empty();
  return children;
}

bool RequiredBy(const std::vector<const Json*>& schemas, const std::string& name) {
  return std::any_of(schemas.begin(), schemas.end(), [&](const Json* schema) {
    const Json* required = Member(*schema, "required");
    return required != nullptr && required->is_array() &&
           std::find(required->begin(), required->end(), Json(name)) != required->end();
  });
}

void AddTypes(const Json& type, std::set<std::string>& types) {
  if (type.is_string()) types.insert(type.get<std::string>());
  if (type.is_array()) {
    for (const Json& one : type) AddTypes(one, types);
  }
}

// Answers BoundsText() of one place.
class TextBounds {
 public:
  TextBounds(const Json& document, const SchemaArguments::Steps& steps)
      : document_(document), steps_(steps) {}

  // Whether `schema`, which holds for the value that the first `depth` steps lead to, bounds it.
  bool BoundBy(const Json& schema, size_t depth) {
    const auto [known, is_new] = known_.try_emplace({&schema, depth}, false);  // also in a loop
    if (is_new) known->second = Look(schema, depth);
    return known->second;
  }

 private:
  bool Look(const Json& schema, size_t depth) {
    if (Member(schema, "$ref") != nullptr) {
      const Json* target = ResolveLocalRef(document_, schema);
      return target != nullptr && BoundBy(*target, depth);
    }
    if (HasNoText(schema, depth) || BoundHere(schema, depth)) return true;
    const auto bound = [&](const Json& one) { return BoundBy(one, depth); };
    const Json* all = Member(schema, "allOf");
    if (all != nullptr && std::any_of(all->begin(), all->end(), bound)) return true;
    for (const char* keyword : {"anyOf", "oneOf"}) {
      const Json* branches = Member(schema, keyword);
      if (branches == nullptr || branches->empty()) continue;
      if (std::all_of(branches->begin(), branches->end(), bound)) return true;
    }
    return false;
  }

  // By its type, as null beside the texts: nothing of it can be a text at the end of the steps.
  bool HasNoText(const Json& schema, size_t depth) const {
    const Json* type = Member(schema, "type");
    if (type == nullptr) return false;
    std::set<std::string> types;
    AddTypes(*type, types);
    if (depth == steps_.size()) return !types.contains("string");
    return !types.contains(steps_[depth].is_index ? "array" : "object");
  }

  bool BoundHere(const Json& schema, size_t depth) {
    if (depth == steps_.size()) {
      return schema.contains("pattern") || schema.contains("enum") || schema.contains("const");
    }
    const JsonPath::Step& step = steps_[depth];
    const Children children = step.is_index ? IndexedChildren({&schema}, step.index)
                                            : NamedChildren({&schema}, step.name);
    return std::any_of(children.schemas.begin(), children.schemas.end(),
                       [&](const Json* child) { return BoundBy(*child, depth + 1); });
  }

  const Json& document_;
  const SchemaArguments::Steps& steps_;
  std::map<std::pair<const Json*, size_t>, bool> known_;  // branches may meet again many times
};

}  // namespace

std::vector<const Json*> SchemaArguments::Flatten(const std::vector<const Json*>& schemas,
                                                  Branches branches) const {
  std::vector<const Json*> flat;
  std::set<const Json*> seen;
  std::vector<const Json*> waiting = schemas;
  const auto add_all = [&waiting](const Json& schema, const char* keyword) {
    const Json* list = Member(schema, keyword);
    if (list == nullptr) return;
    if (list->is_object()) waiting.push_back(list);
    if (!list->is_array()) return;
    for (const Json& one : *list) waiting.push_back(&one);
  };
  while (!waiting.empty()) {
    const Json* schema = waiting.back();
    waiting.pop_back();
    if (!seen.insert(schema).second) continue;
    flat.push_back(schema);
    if (Member(*schema, "$ref") != nullptr) {
      if (const Json* target = ResolveLocalRef(schema_, *schema)) waiting.push_back(target);
    }
    add_all(*schema, "allOf");
    if (branches == Branches::kCertain) continue;
    for (const char* keyword : {"anyOf", "oneOf", "then", "else"}) add_all(*schema, keyword);
  }
  return flat;
}

std::vector<const Json*> SchemaArguments::SchemasAt(const Steps& steps) const {
  std::vector<const Json*> here = Flatten({&schema_}, Branches::kAll);
  for (const JsonPath::Step& step : steps) {
    const Children children =
        step.is_index ? IndexedChildren(here, step.index) : NamedChildren(here, step.name);
    here = Flatten(children.schemas, Branches::kAll);
  }
  return here;
}

bool SchemaArguments::Declares(const Steps& steps) const {
  std::vector<const Json*> here = Flatten({&schema_}, Branches::kAll);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (i == 0 && steps[i].is_index) return false;  // the arguments are an object
    Children children = steps[i].is_index ? IndexedChildren(here, steps[i].index)
                                          : NamedChildren(here, steps[i].name);
    if (children.schemas.empty()) return i > 0 && children.is_open;
    here = Flatten(children.schemas, Branches::kAll);
  }
  return true;
}

bool SchemaArguments::Requires(const Steps& steps) const {
  std::vector<const Json*> here = Flatten({&schema_}, Branches::kCertain);
  for (const JsonPath::Step& step : steps) {
    if (step.is_index || !RequiredBy(here, step.name)) return false;
    here = Flatten(NamedChildren(here, step.name).schemas, Branches::kCertain);
  }
  return true;
}

std::set<std::string> SchemaArguments::Types(const Steps& steps) const {
  std::set<std::string> types;
  for (const Json* schema : SchemasAt(steps)) {
    if (const Json* type = Member(*schema, "type")) AddTypes(*type, types);
  }
  return types;
}

bool SchemaArguments::BoundsText(const Steps& steps) const {
  return TextBounds(schema_, steps).BoundBy(schema_, 0);
}

std::vector<std::string> SchemaArguments::NamesAt(const Steps& steps) const {
  std::set<std::string> names;
  for (const Json* schema : SchemasAt(steps)) {
    const Json* properties = Member(*schema, "properties");
    if (properties == nullptr || !properties->is_object()) continue;
    for (const auto& [name, unused] : properties->items()) names.insert(name);
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> SchemaArguments::required() const {
  std::vector<std::string> required;
  for (const std::string& name : names()) {
    if (Requires({{.name = name}})) required.push_back(name);
  }
  return required;
}

bool SchemaArguments::is_closed() const {
  const Json* others = Member(schema_, "additionalProperties");
  return others != nullptr && *others == false;
}

SchemaArguments::Steps StepsOfHole(absl::string_view dotted) {
  SchemaArguments::Steps steps;
  for (const absl::string_view name : absl::StrSplit(dotted, '.')) {
    steps.push_back({.name = std::string(name)});
  }
  return steps;
}

}  // namespace onetake
