#include "runtime/catalog/schema_arguments.h"

#include <algorithm>

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
