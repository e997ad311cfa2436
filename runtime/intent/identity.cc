#include "runtime/intent/identity.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "runtime/json/path.h"

namespace onetake {
namespace {

using Nodes = std::set<const Json*>;

void AddNode(absl::string_view path, const Json& root, Nodes& nodes) {
  const absl::StatusOr<JsonPath> parsed = JsonPath::Parse(path);
  if (!parsed.ok()) return;  // the catalog has refused such a manifest
  if (const Json* node = parsed->Find(root)) nodes.insert(node);
}

// A copy without the nodes in `left_out`. Elements become null, so that the others keep their
// place.
Json CopyWithout(const Json& value, const Nodes& left_out) {
  if (value.is_object()) {
    Json copy = Json::object();
    for (auto member = value.begin(); member != value.end(); ++member) {
      if (!left_out.contains(&*member)) copy[member.key()] = CopyWithout(*member, left_out);
    }
    return copy;
  }
  if (value.is_array()) {
    Json copy = Json::array();
    for (const Json& element : value) {
      copy.push_back(left_out.contains(&element) ? Json() : CopyWithout(element, left_out));
    }
    return copy;
  }
  return value;
}

// RFC 9535: the short form where the name allows it.
std::string MemberPath(absl::string_view parent, absl::string_view name) {
  const bool plain = !name.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '_';
                     });
  if (plain) return absl::StrCat(parent, ".", name);
  return absl::StrCat(parent, "['", absl::StrReplaceAll(name, {{"\\", "\\\\"}, {"'", "\\'"}}),
                      "']");
}

// A null argument is one that was not given.
bool Absent(const Json* value) { return value == nullptr || value->is_null(); }

class Differ {
 public:
  void Compare(const std::string& path, const Json* recorded, const Json* received) {
    if (Absent(recorded) && Absent(received)) return;
    if (!Absent(recorded) && !Absent(received)) {
      if (recorded->is_object() && received->is_object()) {
        return CompareMembers(path, *recorded, *received);
      }
      if (recorded->is_array() && received->is_array()) {
        return CompareElements(path, *recorded, *received);
      }
      if (CanonicalJson(*recorded) == CanonicalJson(*received)) return;
    }
    diffs_.push_back({path, Text(recorded), Text(received)});
  }
  std::vector<ArgumentDiff> Take() { return std::move(diffs_); }

 private:
  static std::string Text(const Json* value) { return Absent(value) ? "" : CanonicalJson(*value); }
  static const Json* Member(const Json& object, const std::string& name) {
    const auto member = object.find(name);
    return member == object.end() ? nullptr : &*member;
  }

  void CompareMembers(const std::string& path, const Json& recorded, const Json& received) {
    std::set<std::string> names;
    for (const Json* object : {&recorded, &received}) {
      for (const auto& item : object->items()) names.insert(item.key());
    }
    for (const std::string& name : names) {
      Compare(MemberPath(path, name), Member(recorded, name), Member(received, name));
    }
  }

  void CompareElements(const std::string& path, const Json& recorded, const Json& received) {
    for (size_t i = 0; i < std::max(recorded.size(), received.size()); ++i) {
      Compare(absl::StrCat(path, "[", i, "]"), i < recorded.size() ? &recorded[i] : nullptr,
              i < received.size() ? &received[i] : nullptr);
    }
  }

  std::vector<ArgumentDiff> diffs_;
};

}  // namespace

absl::StatusOr<Json> MakeIdentity(const std::vector<IdentityField>& fields, const Json& arguments,
                                  const NormaliserSettings& settings) {
  Json identity = Json::object();
  for (const IdentityField& field : fields) {
    const absl::StatusOr<JsonPath> path = JsonPath::Parse(field.path);
    if (!path.ok()) return Annotate(path.status(), field.path);
    const Json* value = path->Find(arguments);
    if (Absent(value)) continue;
    absl::StatusOr<Json> normalised = Normalise(field.normaliser, *value, settings);
    if (!normalised.ok()) return Annotate(normalised.status(), field.path);
    identity[field.name] = *std::move(normalised);
  }
  return identity;
}

Json GuardedArguments(const Json& arguments, const std::vector<IdentityField>& identity,
                      const std::vector<std::string>& ignored) {
  Nodes left_out;
  for (const IdentityField& field : identity) AddNode(field.path, arguments, left_out);
  for (const std::string& path : ignored) AddNode(path, arguments, left_out);
  return CopyWithout(arguments, left_out);
}

std::vector<ArgumentDiff> DiffGuarded(const Json& recorded, const Json& received) {
  Differ differ;
  differ.Compare("$", &recorded, &received);
  return differ.Take();
}

}  // namespace onetake
